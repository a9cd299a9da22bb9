// Until plotly is there, numbers and colours are as plotly will have them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { paletteOf, written } from "../../fwdwidgets/pages/static/still.js";
import { bits, python } from "./python.js";

test("numbers in cells are written as their template says", () => {
  const numbers = [0.1, -3.14159, 42, 1e-9, 0.999];
  for (const [template, format] of [["%{z:.2f}", ".2f"], ["%{z:.1%}", ".1%"], ["%{z:.3f}", ".3f"], ["%{z:d}", ".0f"]]) {
    assert.deepEqual(numbers.map((number) => written(number, template)),
      python("tell([format(x, given['format']) for x in floats(given['numbers'])])", { format, numbers: bits(numbers) }));
  }
});

test("a colour scale becomes 256 colours, in between in proportion", () => {
  const palette = paletteOf({ colorscale: [[0, "#000000"], [0.2, "#ff0000"], [1, "#ff80fe"]] });
  assert.equal(palette.length, 256);
  assert.deepEqual(palette[0], [0, 0, 0, 255]);
  assert.deepEqual(palette[51], [255, 0, 0, 255]); // 51 / 255 = 0.2
  assert.deepEqual(palette[17], [85, 0, 0, 255]); // a third of the way to 0.2
  assert.deepEqual(palette[153], [255, 64, 127, 255]); // half of the way from 0.2 to 1
  assert.deepEqual(palette[255], [255, 128, 254, 255]);
});
