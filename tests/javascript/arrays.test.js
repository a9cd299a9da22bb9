// Arrays of a page are kept as recorded/archive.py says: in their own bytes, or in levels, of which
// 0 stands for `low`, 254 for `high`, and 255 for NaN.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Arrays } from "../../fwdwidgets/pages/static/arrays.js";
import plot from "../../fwdwidgets/widgets/static/plot.js";
import { bits, python } from "./python.js";

/** @param {Uint8Array<ArrayBuffer>} bytes */
const floats = (bytes) => Array.from(new Float32Array(bytes.slice().buffer));

test("an array has its own bytes of the blob", () => {
  const arrays = new Arrays([{ offset: 0, size: 2 }, { offset: 2, size: 3 }], Uint8Array.of(1, 2, 3, 4, 5));
  assert.deepEqual(Array.from(arrays.bytes(0)), [1, 2]);
  assert.deepEqual(Array.from(arrays.bytes(1)), [3, 4, 5]);
});

for (const [low, high] of [[0, 1], [-2.5, 2.5], [0, 0.3]]) {
  test(`levels from ${low} to ${high} become the numbers they stand for`, () => {
    const levels = Uint8Array.from({ length: 255 }, (_, level) => level);
    const expected = python(
      "low, high = floats(given)\ntell([struct.unpack('<f', struct.pack('<f', low + (high - low) * n / 254))[0] for n in range(255)])",
      bits([low, high]));
    const found = floats(new Arrays([{ offset: 0, size: 255, low, high }], levels).bytes(0));
    assert.equal(found.length, 255);
    found.forEach((value, level) => assert.ok(Math.abs(value - expected[level]) <= 1e-7 * (high - low), `level ${level}`));
    assert.equal(found[0], Math.fround(low));
    if (low < 0) assert.equal(found[127], 0); // a zero stays a zero
  });
}

test("level 255 is NaN", () => {
  assert.deepEqual(floats(new Arrays([{ offset: 0, size: 2, low: 0, high: 1 }], Uint8Array.of(255, 0)).bytes(0)), [NaN, 0]);
});

test("what is computed in the page is found as what came with it", () => {
  const arrays = new Arrays([{ offset: 0, size: 1 }], Uint8Array.of(9));
  const long = Float32Array.of(1, 2, 3, 4, 5, 6, 7);
  const first = arrays.hold(long.subarray(1), [2, 3]);
  const second = arrays.hold(Int32Array.of(-5), [1]);
  const buffers = new Proxy({}, { get: (_, number) => arrays.bytes(Number(number)) });
  assert.deepEqual(plot.unpack([first, second], buffers), [[Float32Array.of(2, 3, 4), Float32Array.of(5, 6, 7)], Int32Array.of(-5)]);
  assert.deepEqual(Array.from(arrays.bytes(0)), [9]);
  assert.deepEqual([first.dtype, second.dtype], ["float32", "int32"]);
});
