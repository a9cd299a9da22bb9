// The address of a page is a form's: Python's urllib reads and writes the same.
import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, readAddress } from "../../fwdwidgets/pages/static/address.js";
import { python } from "./python.js";

/** @type {import("../../fwdwidgets/pages/static/types.js").Control[]} */
const CONTROLS = [
  { name: "sample", part: 1, values: [0, 3, 12], texts: ["0", "3", "12"] },
  { name: "layer", part: 2, values: ["conv1", "a b & c=d", "größe/1"], texts: ["conv1", "a b & c=d", "größe/1"] },
  { name: "given", part: 3, values: [false, true], texts: ["False", "True"] },
  { name: "rate", part: 4, values: [0.001, -2.5], texts: ["0.001", "-2.500"] },
];

test("an address names the values of the controls", () => {
  assert.equal(addressOf(CONTROLS.slice(0, 2), [3, "conv1"]), "#sample=3&layer=conv1");
});

test("names and values are written as urlencode writes them", () => {
  const values = [12, "a b & c=d", "true", -2.5];
  const pairs = CONTROLS.map(({ name }, at) => [name, values[at]]);
  assert.equal(addressOf(CONTROLS, values), `#${python("tell(urllib.parse.urlencode(dict(given)))", pairs)}`);
});

test("what urlencode writes is found again", () => {
  const address = python("tell(urllib.parse.urlencode(dict(given)))", [["layer", "größe/1"], ["sample", 12], ["rate", -2.5], ["given", "true"]]);
  assert.deepEqual(readAddress(CONTROLS, `#${address}`).map(({ number, id }) => [number, id]), [[1, 2], [0, 2], [3, 1], [2, 1]]);
});

test("the order of an address is kept: a later move may need an earlier one", () => {
  assert.deepEqual(readAddress(CONTROLS, "#layer=conv1&sample=0").map(({ name }) => name), ["layer", "sample"]);
});

test("what a page does not have is told with its text", () => {
  assert.deepEqual(readAddress(CONTROLS, "#sample=4&epoch=1&sample=03"), [
    { name: "sample", text: "4", number: 0, id: -1 },
    { name: "epoch", text: "1", number: -1, id: -1 },
    { name: "sample", text: "03", number: 0, id: -1 },
  ]);
});

test("no address says nothing", () => {
  assert.deepEqual(readAddress(CONTROLS, ""), []);
  assert.deepEqual(readAddress(CONTROLS, "#"), []);
});
