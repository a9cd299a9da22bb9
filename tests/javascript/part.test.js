// A part gives the live widgets' modules what a kernel's model would give them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Part } from "../../fwdwidgets/pages/static/part.js";

/** @typedef {import("../../fwdwidgets/pages/static/page.js").Page} Page */

const VIEWS = { views: { 0: { height: 300 } }, themes: {}, config: {} };

/** @param {import("../../fwdwidgets/pages/static/types.js").Kind} kind */
function made(kind) {
  /** @type {unknown[][]} */
  const calls = [];
  const note = (/** @type {string} */ name) => (/** @type {unknown[]} */ ...what) => calls.push([name, ...what]);
  const page = { frames: { 0: VIEWS }, buffers: {}, changed: note("changed"), told: note("told") };
  return { part: new Part(0, kind, /** @type {Page} */ (/** @type {unknown} */ (page))), calls };
}

test("a figure is built from its places", () => {
  const { part } = made("plot");
  part.show({
    "traces.1.x": [1, 2], "traces.0.type": "heatmap", "traces.1.line.color": "red",
    "layout.xaxis.range": [0, 1], "layout.annotations[1].text": "logits", "layout.annotations[0].text": "input",
    "layout.width": null, label: "sample 0", old: false,
  });
  const { tree } = /** @type {ReturnType<Part["figure"]>} */ (part.get("_shown"));
  assert.deepEqual(tree, {
    ...VIEWS, revision: 1, label: "sample 0",
    data: [{ type: "heatmap" }, { x: [1, 2], "line.color": "red" }],
    layout: { xaxis: { range: [0, 1] }, annotations: [{ text: "input" }, { text: "logits" }] },
  });
});

test("what changes of a figure goes out in one message, with the next revision", () => {
  const { part } = made("plot");
  part.show({ "traces.0.x": [1], "traces.0.name": "logits", "layout.width": 5, label: "sample 0" });
  part.get("_shown");
  /** @type {unknown[]} */
  const messages = [];
  part.on("msg:custom", (message) => messages.push(message));
  part.show({ "traces.0.x": [2], "traces.0.name": "logits", "layout.width": 5, label: "sample 1" });
  assert.deepEqual(messages, [{ kind: "draw", revision: 2, label: "sample 1", traces: { 0: { x: [2] } }, layout: {} }]);
  part.show({ "traces.0.x": [2] });
  assert.equal(messages.length, 1); // nothing has changed
});

test("an array counts as new, though it stands where one stood", () => {
  const { part } = made("plot");
  part.show({ "traces.0.z": { buffer: 3, dtype: "float32", shape: [1] } });
  part.get("_shown");
  let count = 0;
  part.on("msg:custom", () => { count += 1; });
  part.show({ "traces.0.z": { buffer: 3, dtype: "float32", shape: [1] } });
  assert.equal(count, 1);
});

test("other parts tell of each value by its name", () => {
  const { part } = made("table");
  /** @type {string[]} */
  const heard = [];
  const rows = () => heard.push("rows");
  part.on("change:rows change:columns", rows);
  part.on("change:chosen", () => heard.push("chosen"));
  part.show({ rows: ["a"], chosen: 0 });
  part.off("change:rows", rows);
  part.show({ rows: ["b"], columns: ["c"] });
  assert.deepEqual(heard, ["rows", "chosen", "rows"]);
  assert.deepEqual(part.get("rows"), ["b"]);
});

test("what a module sets and saves reaches the page once", () => {
  const { part, calls } = made("steps");
  part.set("chosen", "conv1");
  assert.equal(calls.length, 0);
  part.save_changes();
  part.save_changes();
  assert.deepEqual(calls.map((call) => [call[0], ...call.slice(2)]), [["changed", "chosen", "conv1"]]);
});

test("what a module sends reaches the page, but that it is ready", () => {
  const { part, calls } = made("table");
  part.send({ kind: "ready", revision: 1 });
  part.send({ kind: "edit", row: 0, column: 1, text: "2" });
  assert.deepEqual(calls.map((call) => [call[0], call[2]]), [["told", { kind: "edit", row: 0, column: 1, text: "2" }]]);
});
