// The numbers of a network at their places, and what is said of them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Drawing } from "../../fwdwidgets/pages/static/drawing.js";

/** @typedef {import("../../fwdwidgets/pages/static/types.js").Plan} Plan */
/** @typedef {import("../../fwdwidgets/pages/static/types.js").Tensors} Tensors */

const PLAN = /** @type {Plan} */ (/** @type {unknown} */ ({
  samples: [{ index: 0, label: 1, target: "1" }, { index: 40, label: -1, target: "" }],
  weights: [{ words: "seed 0", status: "eval mode" }, { words: "seed 1", status: "eval mode, seed 1" }],
  told: { "1,1": "fc1: dead < relu" },
  input: { fixed: { "layout.width": 0 }, slots: [["traces.0.z", "picture", "array"]] },
  layers: [{ name: "fc1", odd: "{odd} odd values in fc1.", pages: [
    { fixed: {}, slots: [["layout.coloraxis2.cmin", "range", 0], ["layout.xaxis2.range", "range", "list"]], marks: 5 },
    { fixed: {}, slots: [], marks: 5 },
  ] }],
  classes: {
    drawn: { 2: { "layout.height": 1 }, 3: { "layout.height": 2 } },
    panels: [{ name: "logits", trace: 2, axis: "3", at: "5" }, { name: "probabilities", trace: 3, axis: "4", at: "6" }],
    names: ["cat", "d & g", "owl"], full: ["cat", "d &amp; g", "owl"], short: ["cat", "d &amp; g", "owl"],
    axis: "3", colors: ["grey", "blue", "green", "green"], signs: ["", "▸", "✓", "▸✓"],
  },
  badges: { correct: "right: {name} {chance}", incorrect: "wrong: {name} {chance}, true: {label}", unknown: "{name} {chance}", none: "none" },
  mostMarks: 2,
  parts: { plot: 10, badge: 11, status: 12, message: 13, table: 14, layer: 15, page: 16 },
  notice: "",
}));

/** @param {number} prediction @param {number[]} classes @param {number} probability */
const found = (prediction, classes, probability = 0.73125) => /** @type {Tensors} */ (/** @type {unknown} */ ({
  "answer.prediction": { data: [BigInt(prediction)] },
  "answer.classes": { data: BigInt64Array.from(classes, BigInt) },
  "answer.logits": { data: Float32Array.of(2.5, -0.125, 9) },
  "answer.logits.digits": { data: [2n] },
  "answer.logits.range": { data: Float32Array.of(-1, 3) },
  "answer.probabilities": { data: Float32Array.of(0.73125, 0.25, 0) },
  "answer.probabilities.range": { data: Float32Array.of(0, 1) },
  "answer.probability": { data: [probability] },
}));
const PICTURES = /** @type {Tensors[]} */ (/** @type {unknown} */ ([
  { picture: { data: Float32Array.of(1, 2), dims: [1, 2] } },
  {
    picture: { data: Float32Array.of(1, NaN, -Infinity, Infinity), dims: [2, 2] }, range: { data: Float32Array.of(-2, 2), dims: [2] },
    odd: { data: [3n], dims: [] }, marks: { data: Uint8Array.of(0, 1, 1, 1), dims: [2, 2] },
  },
]));
const STATE = { own: false, sample: 0, weights: 0, given: undefined, layer: 0, page: 0 };

/** What the parts show. @param {Partial<typeof STATE>} state */
function drawn(state, outputs = found(0, [0, 1, -1]), plan = PLAN) {
  /** @type {unknown[]} */
  const held = [];
  const hold = (/** @type {any} */ data, /** @type {readonly number[]} */ shape) => {
    held.push([Array.from(data), shape]);
    return { buffer: -held.length, dtype: "float32", shape: [...shape] };
  };
  const values = new Drawing(plan, { hold, pieces: [640, 300, 400] }).draw(outputs, PICTURES, { ...STATE, ...state });
  return { plot: values.get(10) ?? {}, said: (/** @type {number} */ part) => values.get(part) ?? {}, held };
}

test("outputs come to their slots: arrays, lists and single numbers", () => {
  const { plot, held } = drawn({});
  assert.deepEqual(held[0], [[1, 2], [1, 2]]);
  assert.deepEqual(plot["traces.0.z"], { buffer: -1, dtype: "float32", shape: [1, 2] });
  assert.equal(plot["layout.coloraxis2.cmin"], -2);
  assert.deepEqual(plot["layout.xaxis2.range"], [-2, 2]);
  assert.equal(plot["layout.width"], 640);
  assert.equal(plot.label, "sample 0, seed 0: input, fc1, answer");
});

test("cells with NaN and infinity are marked, as many as there may be", () => {
  const { plot } = drawn({});
  assert.deepEqual([plot["traces.5.x"], plot["traces.5.y"], plot["traces.5.text"]], [[1, 0], [0, 1], ["NaN", "-inf"]]);
  assert.equal(plot["traces.5.visible"], true);
});

test("the bars of the classes that are shown, with what is predicted and true", () => {
  const { plot, held } = drawn({});
  assert.deepEqual(held[1], [[2.5, -0.125], [2]]);
  assert.deepEqual(plot["traces.2.marker"], { color: ["blue", "green"] });
  assert.deepEqual(plot["traces.3.hovertext"], ["cat", "d &amp; g"]);
  // Beside the names stand Python's f"{value:.2f}" and f"{value:.1%}".
  assert.deepEqual(plot["layout.yaxis3.ticktext"], ["<b>cat ▸</b>", "<b>d &amp; g ✓</b>"]);
  assert.deepEqual(plot["layout.yaxis5.ticktext"], ["2.50", "-0.12"]);
  assert.deepEqual(plot["layout.yaxis6.ticktext"], ["73.1%", "25.0%"]);
  assert.deepEqual(plot["layout.xaxis3.range"], [-1, 3]);
  assert.equal(plot["layout.height"], 300);
});

test("the badge says what is predicted, and whether it is right", () => {
  const badge = (/** @type {Tensors} */ outputs, sample = 0) => drawn({ sample }, outputs).said(11).value;
  assert.equal(badge(found(0, [0, 1])), "wrong: cat 73.1%, true: d &amp; g");
  assert.equal(badge(found(1, [0, 1])), "right: d &amp; g 73.1%");
  assert.equal(badge(found(2, [2, 0]), 1), "owl 73.1%");
  assert.equal(badge(found(-1, [0, 1])), "none");
  assert.equal(badge(found(1, [0, 1], NaN)), "right: d &amp; g probability NaN");
});

test("the message says what is told of this sample under these weights, as text", () => {
  assert.equal(drawn({}).said(13).value, "");
  assert.equal(drawn({ sample: 1, weights: 1 }).said(13).value, '<div class="fwd-note">fc1: dead &lt; relu</div>');
});

test("of a reader's own sample odd values are counted", () => {
  const { plot, said } = drawn({ own: true });
  assert.equal(said(13).value, '<div class="fwd-note">3 odd values in fc1.</div>');
  assert.equal(plot.label, "your own sample, seed 0: input, fc1, answer");
});

test("a network that predicts no class has a value, written to six digits", () => {
  const plan = { ...PLAN, classes: null, badges: { value: "value: {value}", target: "value: {value}, target: {target}" } };
  const outputs = /** @type {Tensors} */ (/** @type {unknown} */ ({ "answer.output": { data: [1234567.5] } }));
  assert.equal(drawn({}, outputs, plan).said(11).value, "value: 1.23457e+06, target: 1");
  assert.equal(drawn({ sample: 1 }, outputs, plan).said(11).value, "value: 1.23457e+06");
});

test("weights as given are ticked where the page has a box for them", () => {
  const plan = { ...PLAN, parts: { ...PLAN.parts, given: 17 } };
  assert.deepEqual(drawn({ given: /** @type {any} */ (true) }, undefined, plan).said(17), { value: true });
  assert.deepEqual(drawn({}).said(16), { hidden: false });
});
