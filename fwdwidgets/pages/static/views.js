// The controls of a page in plain HTML, and its tables, which the live widgets' own modules draw.
/** @import { Model } from "../../widgets/static/types.js" */
/** @import { Choice, PartOf, Titled } from "./types.js" */
import steps from "../../widgets/static/steps.js";
import table from "../../widgets/static/table.js";
import { element } from "./element.js";
import { figure } from "./figure.js";


let labels = 0;

/**
 * A control under its label.
 * @param {PartOf<Titled>} part
 * @param {HTMLInputElement | HTMLSelectElement} control
 * @param {HTMLElement[]} more
 */
function labelled(part, control, ...more) {
  control.id = `fwd-control-${++labels}`;
  const label = element("label", { className: "widget-label", htmlFor: control.id });
  part.update = (values) => {
    label.textContent = part.shown.description;
    control.disabled = Boolean(part.shown.disabled);
    part.refresh?.(values);
  };
  return element("div", { className: "widget-inline-hbox" }, label, control, ...more);
}

/** An element for each kind of part. */
export const VIEWS = {
  /** @param {PartOf<{ upright: boolean, children: number[] }>} part */
  box(part) {
    const made = element("div", { className: part.shown.upright ? "fwd-column" : "fwd-line-of-parts" });
    part.update = ({ children }) => {
      if (children) made.replaceChildren(...children.map((number) => part.page.view(number)));
    };
    return made;
  },

  /** @param {PartOf<{ value: string }>} part */
  html(part) {
    const content = element("div", { className: "widget-html-content" });
    part.update = () => { content.innerHTML = part.shown.value; };
    const made = element("div", { className: "widget-html" }, content);
    if ((part.shown.classes ?? []).some((name) => LIVE.has(name))) {
      made.setAttribute("role", "status");
      made.setAttribute("aria-live", "polite");
    }
    return made;
  },

  /** @param {PartOf<Titled>} part */
  slider(part) {
    const range = element("input", { type: "range", min: 0, step: 1 });
    const readout = element("output", { className: "widget-readout" });
    /** @type {number[]} */
    let order = [];
    part.refresh = () => {
      const { order: stops, texts, at } = part.page.scale(part);
      order = stops;
      range.max = String(Math.max(0, order.length - 1));
      range.value = String(order.indexOf(at));
      range.disabled = Boolean(part.shown.disabled) || order.length < 2;
      readout.textContent = texts[at] ?? "";
      range.setAttribute("aria-valuetext", readout.textContent);
    };
    range.addEventListener("input", () => {
      const chosen = order[Number(range.value)];
      readout.textContent = part.page.scale(part).texts[chosen];
      range.setAttribute("aria-valuetext", readout.textContent);
      part.page.chosen(part, chosen);
    });
    return labelled(part, range, readout);
  },

  /** @param {PartOf<Choice>} part */
  options(part) {
    const range = element("input", { type: "range", min: 0, step: 1 });
    const readout = element("output", { className: "widget-readout" });
    /** @type {number[]} */
    let offered = [];
    const say = () => {
      readout.textContent = part.shown.options[offered[Number(range.value)]] ?? "";
      readout.title = readout.textContent;
      range.setAttribute("aria-valuetext", readout.textContent);
    };
    part.refresh = () => {
      offered = part.page.offered(part);
      range.max = String(Math.max(0, offered.length - 1));
      range.value = String(Math.max(0, offered.indexOf(part.shown.index ?? -1)));
      say();
    };
    range.addEventListener("input", () => {
      say();
      part.page.picked(part, part.shown.values[offered[Number(range.value)]]);
    });
    return labelled(part, range, readout);
  },

  /** @param {PartOf<Choice>} part */
  menu(part) {
    const menu = element("select");
    part.refresh = (values) => {
      if (values.options) menu.replaceChildren(...values.options.map((text) => element("option", { textContent: text })));
      menu.selectedIndex = part.shown.index ?? -1;
    };
    menu.addEventListener("change", () => part.page.picked(part, part.shown.values[menu.selectedIndex]));
    return labelled(part, menu);
  },

  /** @param {PartOf<Choice>} part */
  toggles(part) {
    const legend = element("span", { className: "widget-label" });
    const made = element("div", { className: "widget-inline-hbox" }, legend);
    made.setAttribute("role", "group");
    part.update = ({ options }) => {
      legend.textContent = part.shown.description;
      made.setAttribute("aria-label", part.shown.description);
      if (options) {
        made.replaceChildren(legend, ...options.map((text, index) => {
          const button = element("button", { type: "button", textContent: text, className: "fwd-toggle" });
          button.addEventListener("click", () => part.page.picked(part, part.shown.values[index]));
          return button;
        }));
      }
      [...made.querySelectorAll("button")].forEach((button, index) =>
        button.setAttribute("aria-pressed", String(index === part.shown.index)));
    };
    return made;
  },

  /** @param {PartOf<Titled & { value: boolean }>} part */
  checkbox(part) {
    const box = element("input", { type: "checkbox" });
    const text = element("span");
    part.update = () => {
      box.checked = part.shown.value;
      box.disabled = Boolean(part.shown.disabled);
      text.textContent = part.shown.description;
    };
    box.addEventListener("change", () => part.page.picked(part, box.checked));
    return element("label", { className: "fwd-check" }, box, text);
  },

  /** @param {PartOf<Titled & { tooltip: string | null }>} part */
  button(part) {
    const button = element("button", { type: "button" });
    part.update = () => {
      button.textContent = part.shown.description;
      button.title = part.shown.tooltip ?? "";
      button.disabled = Boolean(part.shown.disabled);
    };
    button.addEventListener("click", () => part.page.pressed(part));
    return button;
  },

  /** @param {PartOf<{ value: number, max: number, interval: number }>} part */
  play(part) {
    const button = element("button", { type: "button" });
    /** @type {ReturnType<typeof setInterval> | undefined} */
    let timer;
    const say = () => {
      button.textContent = timer ? "❚❚ pause" : "▶ play";
      button.setAttribute("aria-label", timer ? "pause" : "play from here");
    };
    const stop = () => {
      clearInterval(timer);
      timer = undefined;
      say();
    };
    const step = () => {
      if (part.shown.value >= part.shown.max || !part.page.advance(part)) stop();
    };
    button.addEventListener("click", () => {
      if (timer) return stop();
      timer = setInterval(step, part.shown.interval);
      say();
    });
    part.update = () => { button.disabled = !part.shown.max; };
    say();
    return button;
  },

  /** @param {PartOf<Titled & { value: string }>} part */
  text(part) {
    const box = element("input", { type: "text", spellcheck: false });
    part.refresh = () => { box.value = part.shown.value; };
    box.addEventListener("change", () => part.page.picked(part, box.value));
    return labelled(part, box);
  },

  /** @param {PartOf<{ value: number, max: number }>} part */
  progress(part) {
    const bar = element("progress");
    bar.setAttribute("aria-label", "progress");
    part.update = () => {
      bar.max = part.shown.max;
      bar.value = part.shown.value;
    };
    return bar;
  },

  plot: figure,
  /** @param {PartOf<object>} part */
  steps: (part) => drawn(part, steps),
  /** @param {PartOf<object>} part */
  table: (part) => drawn(part, table),
};

const LIVE = new Set(["fwd-badge", "fwd-message", "fwd-happened"]);

/**
 * A part whose own module draws it.
 * @template State
 * @param {PartOf<object>} part
 * @param {{ render: (place: { model: Model<State>, el: HTMLElement }) => unknown }} module
 */
function drawn(part, module) {
  const made = element("div");
  part.draw = () => {
    module.render({ model: /** @type {Model<State>} */ (/** @type {unknown} */ (part)), el: made });
  };
  return made;
}
