// Numbers in a page read as Python writes them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { counted, fixed, general, percent } from "../../fwdwidgets/pages/static/numbers.js";
import { bits, python } from "./python.js";

const ODD = [
  0, -0, NaN, Infinity, -Infinity, 5e-324, Number.MAX_VALUE, 1e21, 1e22, -1.5e23,
  0.5, 1.5, 2.5, -2.5, 0.125, 0.375, 2.675, 1.005, 0.05, 0.15, 0.25, 0.35, 0.045, 0.0005,
  9.9999999, 99999.95, 999999.5, 1000000, 0.0001, 0.00001, 0.000099999999, 123456, 1234567, 100, -1e-7,
];

/** Numbers of all sizes, the same in every run; half of them as float32 has them. */
function many() {
  let state = 1n;
  return Array.from({ length: 2000 }, (_, index) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % (1n << 64n);
    const part = Number(state >> 11n) / 2 ** 53 - 0.5;
    const value = part * 10 ** ((index % 40) - 20);
    return index % 2 ? Math.fround(value) : value;
  });
}

const NUMBERS = [...ODD, ...many()];

/** @type {[string, (value: number) => string, number[]][]} */
const CASES = [
  ...[0, 1, 2, 3, 6].map((digits) => /** @type {any} */ ([`.${digits}f`, (/** @type {number} */ value) => fixed(value, digits), NUMBERS])),
  ...[1, 3, 4, 6, 9, 17].map((digits) => /** @type {any} */ ([`.${digits}g`, (/** @type {number} */ value) => general(value, digits), NUMBERS])),
  ["g", (value) => general(value), NUMBERS],
  [".1%", percent, NUMBERS.filter((value) => Math.abs(value) < 1e300)],
  [",.0f", counted, [0, 1, 999, 1000, 60000, 1234567, 2 ** 31, -1000, 2 ** 53]],
];
const EXPECTED = python("tell([[format(x, form) for x in floats(numbers)] for form, numbers in given])",
  CASES.map(([format, , numbers]) => [format, bits(numbers)]));

CASES.forEach(([format, write, numbers], at) => {
  test(`numbers are written as ${format} of Python`, () => {
    assert.equal(EXPECTED[at].length, numbers.length);
    numbers.forEach((number, index) => assert.equal(write(number), EXPECTED[at][index], String(number)));
  });
});
