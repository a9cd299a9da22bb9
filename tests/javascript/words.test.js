// A figure in words: what a reader who does not see it is told.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chartInWords } from "../../fwdwidgets/pages/static/words.js";

/** @typedef {import("../../fwdwidgets/widgets/static/types.js").Drawn} Drawn */

/** @param {object[]} data @param {object} layout */
const words = (data, layout = {}) => chartInWords(/** @type {Drawn} */ (/** @type {unknown} */ ({
  data: data.map((trace) => ({ visible: true, xaxis: "x", yaxis: "y", ...trace })),
  layout: { xaxis: {}, yaxis: {}, annotations: [], ...layout },
})));

test("bars are told with their names, to four digits", () => {
  const bars = { type: "bar", orientation: "h", name: "logits", x: Float32Array.of(1.23456, -20000, 0), y: [0, 1, 2], hovertext: ["T-shirt/top", "a &lt; b", "bag"] };
  assert.equal(words([bars]), "logits: T-shirt/top 1.235, a < b -20000, bag 0");
});

test("a bar of NaN is told as such", () => {
  assert.equal(words([{ type: "bar", name: "logits", x: [0, 1], y: Float32Array.of(NaN, 1) }]), "logits: not a number, 1");
});

test("a panel's title stands before what is in it, once", () => {
  const layout = {
    xaxis: { domain: [0, 0.4] }, yaxis: { domain: [0, 1] }, xaxis2: { domain: [0.6, 1] }, yaxis2: { domain: [0, 1] },
    annotations: [{ x: 0, y: 1, text: "<b>logits</b><br>before softmax" }, { x: 0.6, y: 1, text: "probabilities" }],
  };
  const bar = { type: "bar", y: [1], x: [0], name: "one" };
  assert.equal(words([bar, { ...bar, name: "two" }, { ...bar, xaxis: "x2", yaxis: "y2", name: "three" }], layout),
    "logits, before softmax. one: 1. two: 1. probabilities. three: 1");
});

test("a large picture is told by its size and range, without NaN", () => {
  assert.equal(words([{ type: "heatmap", name: "conv1", z: [Float32Array.of(0.5, NaN, -3), Float32Array.of(0.25, Infinity, 1)] }]),
    "conv1: 2 by 3 cells, from -3 to 1");
});

test("a matrix with printed numbers is told row by row, without its empty cells", () => {
  const layout = { xaxis: { ticktext: ["w1", "w2"] }, yaxis: { ticktext: ["step 1", "<i>step 2</i>", "step 3"] } };
  assert.equal(words([{ type: "heatmap", texttemplate: "%{z:.2f}", z: [[1.5, NaN], [2, -0.125], [NaN, NaN]] }], layout),
    "step 1: w1 1.5; step 2: w1 2, w2 -0.125");
});

test("a long curve is told by its range and its end", () => {
  const y = Array.from({ length: 30 }, (_, index) => 30 - index);
  assert.equal(words([{ type: "scatter", name: "loss", x: y.map((_, index) => index), y }]), "loss: 30 points, from 1 to 30, the last 1");
});

test("of many named points the first twenty are told", () => {
  const y = Array.from({ length: 22 }, (_, index) => index);
  const told = words([{ type: "scatter", name: "codes", x: y, y, text: y.map((index) => `n${index}`) }]);
  assert.match(told, /^codes: n0 0, n1 1, .*, n19 19, and 2 more$/);
});

test("points on a line are told by where they stand on it", () => {
  assert.equal(words([{ type: "scatter", name: "targets", x: [2, 4.5], y: [1, 1] }]), "targets: 2, 4.5");
  assert.equal(words([{ type: "scatter", x: [2, 4.5], y: [1, 1], text: ["target", "target"] }]), "target at 2, 4.5");
});

test("one text for all points names each of them", () => {
  assert.equal(words([{ type: "scatter", name: "answers", x: [0, 1], y: [3, 4], text: "x" }]), "answers: x 3, x 4");
});

test("what is hidden, or has no numbers, is not told", () => {
  assert.equal(words([{ type: "bar", x: [], y: [] }, { type: "bar", x: [0], y: [1], visible: false }, { type: "scatter", x: [0], y: [1], hoverinfo: "skip" }]), "");
});
