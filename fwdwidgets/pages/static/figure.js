// A figure of a page, drawn by the live widgets' own module, and its words.
/** @import { Model, PlotState, Stage } from "../../widgets/static/types.js" */
/** @import { PartOf } from "./types.js" */
import plot from "../../widgets/static/plot.js";
import { element } from "./element.js";
import { still } from "./still.js";
import { chartInWords } from "./words.js";

/**
 * A figure. Room is kept for it until it is drawn, so that nothing below jumps.
 * @param {PartOf<{ label: string }>} part
 */
export function figure(part) {
  const made = element("div");
  const room = element("div");
  const below = words(made, part);
  room.style.height = `${roomFor(part)}px`;
  made.append(room, below);
  part.draw = () => {
    const model = /** @type {Model<PlotState>} */ (/** @type {unknown} */ (part));
    plot.render({ model, el: made, still: (...drawn) => {
      room.remove();
      still(...drawn);
    } });
    made.append(below); // below what has just come
  };
  afterDraw(made, (_, first) => {
    room.remove();
    first.disconnect();
  });
  return made;
}

/** How high a figure becomes, as in plot.js. @param {PartOf<unknown>} part */
function roomFor(part) {
  const { views } = part.page.frames[part.number];
  const room = /** @type {HTMLElement} */ (document.getElementById("fwd-root")).clientWidth;
  const from = Object.keys(views).map(Number).filter((least) => least <= room);
  return views[Math.max(...from)].height;
}

/**
 * Calls back each time a figure in this element has been drawn.
 * @param {HTMLElement} made
 * @param {MutationCallback} told
 */
function afterDraw(made, told) {
  new MutationObserver(told).observe(made, { subtree: true, attributeFilter: ["data-revision"] });
}

/**
 * The words below a figure. They are written only while open, anew for each picture.
 * @param {HTMLElement} made
 * @param {PartOf<{ label: string }>} part
 */
function words(made, part) {
  const text = element("p");
  const details = element("details", { className: "fwd-words" }, element("summary", { textContent: "This chart in words" }), text);
  const write = () => {
    const stage = /** @type {Stage | null} */ (made.querySelector("[role=img]"));
    if (details.open && stage?.data) text.textContent = `${part.shown.label}. ${chartInWords({ data: stage.data, layout: stage.layout })}.`;
  };
  details.addEventListener("toggle", write);
  afterDraw(made, write);
  return details;
}
