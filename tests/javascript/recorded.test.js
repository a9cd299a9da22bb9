// From one recorded state to another, by keys: of each control the number of its value.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Recorded } from "../../fwdwidgets/pages/static/recorded.js";

/** @typedef {import("../../fwdwidgets/pages/static/types.js").PageData} PageData */
/** @typedef {import("../../fwdwidgets/pages/static/page.js").Page} Page */

const BADGES = ["<b class='fwd-badge-correct'>0</b>", "<b class='fwd-badge-incorrect'>1</b>"];

/** Two controls, `sample` of three values and `seed` of two; all but sample 2 with seed 1 is recorded. */
function recording(more = {}) {
  return /** @type {PageData} */ (/** @type {unknown} */ ({
    controls: [
      { name: "sample", part: 1, values: [0, 5, 7], texts: ["0", "5", "7"] },
      { name: "seed", part: 2, values: [0, 1], texts: ["0", "1"] },
    ],
    places: [[3, "value"], [4, "value"]],
    pieces: [...BADGES, "status"],
    base: [0, 2],
    states: [[], [0, 1], [0, 0], [0, 1], [0, -1, 1, 2]],
    keys: ["0,0", "1,0", "2,0", "0,1", "1,1"],
    plain: [0, 1, 2, 3, 4],
    moves: {}, forgets: {}, presses: {},
    ...more,
  }));
}

/** @param {PageData} data */
function opened(data, offers = [0, 5, 7]) {
  /** @type {number[][]} */
  const shown = [];
  const page = {
    pieces: data.pieces, parts: [{}, { shown: { offers } }, { shown: { offers: [0, 1] } }],
    show: (/** @type {number[]} */ pieces) => shown.push(pieces),
    order: () => [0, 1, 2],
  };
  return { engine: new Recorded(data, /** @type {Page} */ (/** @type {unknown} */ (page))), shown };
}

test("a page begins with its first state", () => {
  const { engine } = opened(recording());
  assert.deepEqual(engine.start(), [0, 2]);
  assert.deepEqual(engine.vector, [0, 0]);
});

test("a move leads to the state of that key, and shows what differs from the base", () => {
  const { engine, shown } = opened(recording());
  assert.equal(engine.move(0, 1), true);
  assert.deepEqual(engine.vector, [1, 0]);
  assert.equal(engine.move(1, 1), true);
  assert.deepEqual(shown, [[1, 2], [-1, 2]]);
  assert.equal(engine.at, 4);
});

test("a state that was not recorded shows nothing, and leads on from where the controls stand", () => {
  const { engine, shown } = opened(recording());
  engine.move(1, 1);
  assert.equal(engine.leads(0, 2), false);
  assert.equal(engine.move(0, 2), false);
  assert.equal(engine.at, null);
  assert.deepEqual(engine.vector, [2, 1]);
  assert.equal(shown.length, 1);
  assert.equal(engine.move(1, 0), true);
  assert.equal(engine.at, 2);
});

test("a value that a page does not have is no move", () => {
  const { engine } = opened(recording());
  assert.equal(engine.move(0, -1), false);
  assert.deepEqual(engine.vector, [0, 0]);
  assert.equal(engine.at, 0);
});

test("a slider stops where it stands, at what it offers, and where else it leads", () => {
  const { engine } = opened(recording(), [0]);
  assert.deepEqual(engine.stops(0), [0, 1, 2]);
  engine.move(1, 1);
  assert.deepEqual(engine.stops(0), [0, 1]);
});

test("a control that sets another one leads where it was seen to lead", () => {
  // Setting sample to 7 under seed 0 sets seed to 1.
  const { engine } = opened(recording({ moves: { sample: { "1,0": 1, "2,0": 3 } } }));
  engine.move(0, 2);
  assert.equal(engine.at, 3);
  assert.deepEqual(engine.vector, [0, 1]);
  assert.equal(engine.leads(0, 1), false); // seed 1: not recorded
});

test("what a control sets may have been anything before", () => {
  const { engine } = opened(recording({ moves: { sample: { "1,0": 1, "2,0": 3 } }, forgets: { sample: [1] } }));
  engine.move(1, 1);
  assert.equal(engine.leads(0, 1), true);
  engine.move(0, 1);
  assert.equal(engine.at, 1);
});

test("a button leads on from its state; home from the last one recorded, or as from the first", () => {
  const { engine } = opened(recording({ presses: { "0,0": { 8: 1, 9: 2 }, "1,0": { 8: 4 } } }));
  assert.equal(engine.press(8, false), true);
  assert.equal(engine.at, 1);
  assert.equal(engine.press(9, false), false);
  assert.equal(engine.press(9, true), true); // as from the first
  assert.equal(engine.at, 2);
});

test("a button leads nowhere from a state that was not recorded, but home", () => {
  const { engine } = opened(recording({ presses: { "0,1": { 8: 1 } } }));
  engine.move(1, 1);
  engine.move(0, 2);
  assert.equal(engine.press(8, false), false);
  assert.equal(engine.press(8, true), true);
  assert.equal(engine.at, 1);
});

test("the next wrong answer is found in both directions", async () => {
  const { engine } = opened(recording());
  assert.equal(await engine.findWrong(0, 1), true);
  assert.equal(engine.at, 1);
  assert.equal(await engine.findWrong(0, 1), null); // no other one
  engine.move(0, 0);
  assert.equal(await engine.findWrong(0, -1), true); // backwards over sample 7, which is right
  assert.equal(engine.at, 1);
  for (const [step, at] of [[1, 1], [-1, 2]]) {
    const both = opened(recording({ states: [[], [0, 1], [0, 1], [], []] })).engine; // 7 is wrong too
    await both.findWrong(0, step);
    assert.equal(both.at, at);
  }
});
