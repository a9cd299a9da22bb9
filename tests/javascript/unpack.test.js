// Arrays arrive as pack() of widgets/shared/plot.py sends them: {"buffer": index, "dtype": name,
// "shape": [...]}, in C order and little-endian.
import assert from "node:assert/strict";
import { test } from "node:test";

import plot from "../../fwdwidgets/widgets/static/plot.js";
import { python } from "./python.js";

const { assign, hoverCells, unpack } = plot;

/** Bytes as a kernel sends them: somewhere in a larger message. @param {string} base64 */
function received(base64) {
  const bytes = Buffer.from(base64, "base64");
  const message = new Uint8Array(bytes.length + 7);
  message.set(bytes, 3); // at no multiple of an item's size
  return new DataView(message.buffer, 3, bytes.length);
}

/** Lists of numbers of an array of any depth. @param {any} rows @returns {any} */
const listed = (rows) => (ArrayBuffer.isView(rows) ? Array.from(/** @type {any} */ (rows)) : rows.map(listed));

/** @type {[string, string, Function, number[]][]} */
const DTYPES = [
  ["float32", "f", Float32Array, [0.5, -1.25, 3, 1024]], ["float64", "d", Float64Array, [0.1, -1e300, 3, 2]],
  ["int8", "b", Int8Array, [-128, 127, 0, 5]], ["int16", "h", Int16Array, [-32768, 32767, 0, 5]],
  ["int32", "i", Int32Array, [-2147483648, 2147483647, 0, 5]], ["uint8", "B", Uint8Array, [0, 255, 1, 5]],
  ["uint16", "H", Uint16Array, [0, 65535, 1, 5]], ["uint32", "I", Uint32Array, [0, 4294967295, 1, 5]],
];

/** @type {string[]} */
const SENT = python("tell([base64.b64encode(struct.pack(f'<4{code}', *values)).decode() for _, code, _, values in given])", DTYPES);
const SIX = python("tell(base64.b64encode(struct.pack('<6f', *range(6))).decode())");

DTYPES.forEach(([dtype, , type, values], at) => {
  test(`${dtype} keeps type and values`, () => {
    const array = unpack({ buffer: 0, dtype, shape: [4] }, [received(SENT[at])]);
    assert.ok(array instanceof type);
    assert.deepEqual(listed(array), values);
  });
});

// Sizes in C order: the last index runs fastest.
for (const [shape, expected] of /** @type {[number[], unknown][]} */ ([
  [[6], [0, 1, 2, 3, 4, 5]],
  [[2, 3], [[0, 1, 2], [3, 4, 5]]],
  [[3, 2], [[0, 1], [2, 3], [4, 5]]],
  [[1, 3, 2], [[[0, 1], [2, 3], [4, 5]]]],
])) {
  test(`an array of shape ${shape} has its rows`, () => {
    assert.deepEqual(listed(unpack({ buffer: 0, dtype: "float32", shape }, [received(SIX)])), expected);
  });
}

test("empty arrays have their rows too", () => {
  assert.deepEqual(listed(unpack({ buffer: 0, dtype: "float32", shape: [0] }, [received("")])), []);
  assert.deepEqual(listed(unpack({ buffer: 0, dtype: "float32", shape: [2, 0] }, [received("")])), [[], []]);
  assert.deepEqual(listed(unpack({ buffer: 0, dtype: "float32", shape: [0, 2] }, [received("")])), []);
});

test("arrays are found at any depth, by their numbers; the rest stays", () => {
  const [one, two] = [received("Bw=="), received("CQ==")]; // the bytes 7 and 9
  const at = (/** @type {number} */ buffer) => ({ buffer, dtype: "uint8", shape: [1] });
  const tree = { list: [at(1), { z: at(0), text: "x" }], none: null, flag: false, zero: 0 };
  assert.deepEqual(unpack(tree, [one, two]), {
    list: [Uint8Array.of(9), { z: Uint8Array.of(7), text: "x" }], none: null, flag: false, zero: 0,
  });
});

test("rows stand on one buffer that is nobody else's", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const rows = /** @type {Uint8Array[]} */ (unpack({ buffer: 0, dtype: "uint8", shape: [2, 2] }, [bytes]));
  assert.equal(rows[0].buffer, rows[1].buffer);
  bytes.fill(0);
  assert.deepEqual(listed(rows), [[1, 2], [3, 4]]);
});

test("assign goes by a dotted path, and makes what is not there", () => {
  const layout = { coloraxis2: { cmin: 0, cmax: 1 }, annotations: [{ text: "a" }, { text: "b" }] };
  assign(layout, "coloraxis2.cmin", -3);
  assign(layout, "annotations[1].text", "c");
  assign(layout, "xaxis.range", [0, 5]);
  assign(layout, "width", 640);
  assert.deepEqual(layout, {
    coloraxis2: { cmin: -3, cmax: 1 }, annotations: [{ text: "a" }, { text: "c" }], xaxis: { range: [0, 5] }, width: 640,
  });
});

test("hover names channel, row and column of a mosaic's cells", () => {
  // Two tiles of 1 x 2 beside each other with a line between, from channel 4, row 10, column 20 on.
  const [line, ...more] = /** @type {any} */ (hoverCells({ kind: "mosaic", tile: [1, 2], tiles: [1, 2], first: [4, 10, 20] }));
  assert.equal(more.length, 0);
  assert.equal(line.length, 5);
  assert.deepEqual([line[0], line[1], line[3], line[4]], [[4, 10, 20], [4, 10, 21], [5, 10, 20], [5, 10, 21]]);
});

test("hover numbers a strip's cells on", () => {
  assert.deepEqual(hoverCells({ kind: "strip", tile: [2, 3], tiles: [1, 1], first: [0, 0, 6] }), [[6, 7, 8], [9, 10, 11]]);
});
