// Text becomes HTML as Python's html.escape() makes it, and plotly's markup becomes text.
import assert from "node:assert/strict";
import { test } from "node:test";

import { escaped, filled, plainText } from "../../fwdwidgets/pages/static/markup.js";
import { python } from "./python.js";

const TEXTS = ["T-shirt/top", "a < b && b > c", "\"quoted\" and 'quoted'", "&amp; is &", "<script>alert(1)</script>", "ä ✓", ""];

test("escaped is html.escape", () => {
  assert.deepEqual(TEXTS.map(escaped), python("tell([html.escape(text) for text in given])", TEXTS));
});

test("plainText gives back what figures escape", () => {
  const inFigures = python("tell([html.escape(text, quote=False) for text in given])", TEXTS);
  assert.deepEqual(inFigures.map(plainText), TEXTS);
});

test("plainText leaves markup out", () => {
  assert.equal(plainText("<b>ankle boot ▸✓</b>"), "ankle boot ▸✓");
  assert.equal(plainText("input<br>1 × 28 × 28"), "input1 × 28 × 28");
});

test("filled puts words in as text", () => {
  assert.equal(filled("<b>{name}</b> {chance}", { name: "a<b", chance: "12.0%" }), "<b>a&lt;b</b> 12.0%");
  assert.equal(filled("{name}", { name: "$& {chance}", chance: "no" }), "$&amp; {chance}");
});
