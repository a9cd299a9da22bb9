// How the numbers of a network become the picture: the plan says which output goes where, and which
// words describe an answer.
/** @import { PackedArray, Patch, TypedArray } from "../../widgets/static/types.js" */
/** @import { Classes, Plan, Sample, Slot, Tensors, Values } from "./types.js" */
import { escaped, filled } from "./markup.js";
import { counted, fixed, general, percent } from "./numbers.js";

/** @typedef {{ hold(data: TypedArray, shape: readonly number[]): PackedArray, pieces: unknown[] }} Store */
/**
 * What is shown: the numbers of the sample, the weights and the layer, and the layer's page.
 * @typedef {{ own: boolean, sample: number, weights: number, given: unknown, layer: number, page: number }} State
 */

export class Drawing {
  /**
   * @param {Plan} plan
   * @param {Store} store holds the pieces and keeps new arrays
   */
  constructor(plan, store) {
    this.plan = plan;
    this.store = store;
  }

  /**
   * What the parts of the page show.
   * @param {Tensors} found the outputs of the network
   * @param {Tensors[]} pictures of the input and the layer
   * @param {State} state
   * @returns {Values}
   */
  draw(found, pictures, state) {
    const { input, layers, parts, samples, weights, told } = this.plan;
    const layer = layers[state.layer];
    const shown = layer.pages[state.page];
    const sample = state.own ? { label: -1, target: "", index: -1 } : samples[state.sample];
    const set = weights[state.weights];
    const chosen = `${state.own ? "your own sample" : `sample ${sample.index}`}, ${set.words}`;
    /** @type {Patch} */
    const plot = { label: `${chosen}: input, ${layer.name}, answer`, old: false };
    [input, shown].forEach((picture, index) => {
      this.pieces(plot, picture.fixed);
      for (const [place, output, what] of picture.slots) plot[place] = this.slot(pictures[index][output], what);
    });
    this.mark(plot, pictures[1], shown.marks);
    if (this.plan.classes) this.drawClasses(plot, this.plan.classes, found, sample.label);
    const odd = Number(pictures[1].odd?.data[0] ?? 0);
    const ownNote = odd ? layer.odd.replace("{odd}", counted(odd)) : "";
    const note = state.own ? ownNote : told[`${state.sample},${state.weights}`];
    /** @type {Values} */
    const values = new Map([
      [parts.plot, plot],
      [parts.badge, { value: this.badge(found, sample) }],
      [parts.status, { value: set.status }],
      [parts.message, { value: this.message(note) }],
      [parts.table, { chosen: layer.name }],
      [parts.layer, { index: state.layer }],
      [parts.page, { hidden: layer.pages.length < 2 }],
    ]);
    if (parts.given !== undefined) values.set(parts.given, { value: state.given });
    return values;
  }

  /** @param {Patch} plot @param {{ [place: string]: number }} pieces */
  pieces(plot, pieces) {
    for (const [place, piece] of Object.entries(pieces)) plot[place] = this.store.pieces[piece];
  }

  /** @param {Tensors[string]} output @param {Slot[2]} what */
  slot({ data, dims }, what) {
    if (what === "array") return this.store.hold(data, dims);
    return what === "list" ? Array.from(data) : data[what];
  }

  /**
   * Lists the cells that hold NaN or infinity.
   * @param {Patch} plot @param {Tensors} picture @param {number} trace
   */
  mark(plot, { odd, marks, picture }, trace) {
    /** @type {{ x: number[], y: number[], text: string[] }} */
    const at = { x: [], y: [], text: [] };
    if (odd?.data[0]) {
      const wide = marks.dims[1];
      for (let i = marks.data.indexOf(1); i >= 0 && at.x.length < this.plan.mostMarks; i = marks.data.indexOf(1, i + 1)) {
        at.x.push(i % wide);
        at.y.push(Math.floor(i / wide));
        at.text.push(general(picture.data[i]).replace("nan", "NaN"));
      }
    }
    for (const [name, values] of Object.entries(at)) plot[`traces.${trace}.${name}`] = values;
    plot[`traces.${trace}.visible`] = at.x.length > 0;
  }

  /**
   * The bars of logits and probabilities.
   * @param {Patch} plot
   * @param {Classes} plan
   * @param {Tensors} found
   * @param {number} label
   */
  drawClasses(plot, plan, found, label) {
    const { drawn, panels, axis, short, full, colors, signs } = plan;
    const prediction = Number(found["answer.prediction"].data[0]);
    const classes = Array.from(found["answer.classes"].data, Number).filter((index) => index >= 0);
    const roles = classes.map((index) => Number(index === prediction) + 2 * Number(index === label));
    const digits = Number(found["answer.logits.digits"]?.data[0]);
    /** @type {{ [name: string]: (value: number) => string }} */
    const texts = { logits: (value) => fixed(value, digits), probabilities: percent };
    this.pieces(plot, drawn[classes.length]);
    for (const { name, trace, axis: suffix, at } of panels) {
      const values = found[`answer.${name}`].data.subarray(0, classes.length);
      plot[`traces.${trace}.x`] = this.store.hold(values, [classes.length]);
      plot[`traces.${trace}.marker`] = { color: roles.map((role) => colors[role]) };
      plot[`traces.${trace}.hovertext`] = classes.map((index) => full[index]);
      plot[`layout.xaxis${suffix}.range`] = Array.from(found[`answer.${name}.range`].data);
      plot[`layout.yaxis${at}.ticktext`] = Array.from(values, texts[name]);
    }
    plot[`layout.yaxis${axis}.ticktext`] = classes.map((index, row) =>
      (signs[roles[row]] ? `<b>${short[index]} ${signs[roles[row]]}</b>` : short[index]));
  }

  // --- in words ---------------------------------------------------------------------------------

  /** @param {Tensors} found @param {Pick<Sample, "label" | "target">} sample */
  badge(found, { label, target }) {
    const { badges, classes } = this.plan;
    if (!classes) return filled(badges[target ? "target" : "value"], { value: general(found["answer.output"].data[0]), target });
    const prediction = Number(found["answer.prediction"].data[0]);
    const chance = found["answer.probability"].data[0];
    const kind = prediction < 0 ? "none" : label < 0 ? "unknown" : label === prediction ? "correct" : "incorrect";
    return filled(badges[kind], {
      name: classes.names[prediction],
      label: classes.names[label],
      chance: Number.isFinite(chance) ? percent(chance) : "probability NaN",
    });
  }

  /** @param {string | undefined} note */
  message(note) {
    return [this.plan.notice, note ?? ""].filter(Boolean)
      .map((text) => `<div class="fwd-note">${escaped(text)}</div>`).join("");
  }
}
