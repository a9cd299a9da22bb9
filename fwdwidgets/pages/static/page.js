// A page: puts the parts together, hands moves to the engine that knows the next picture, and keeps
// the state in the address. It only assigns arrays; PyTorch computed them.
/** @import { Buffers } from "../../widgets/static/types.js" */
/** @import { Choice, Edit, Engine, Message, PageData, PartOf, Pieces, Shown, Value, Values } from "./types.js" */
import frame from "../../widgets/static/frame.js";
import { addressOf, readAddress } from "./address.js";
import { Arrays } from "./arrays.js";
import { element } from "./element.js";
import { Network } from "./network.js";
import { OwnSample } from "./own.js";
import { Part } from "./part.js";
import { Recorded } from "./recorded.js";
import { VIEWS } from "./views.js";

export class Page {
  /**
   * @param {PageData} data
   * @param {Uint8Array<ArrayBuffer>} blob
   */
  constructor(data, blob) {
    this.data = data;
    this.pieces = data.pieces;
    this.frames = data.frames;
    this.arrays = new Arrays(data.buffers, blob);
    /** @type {Buffers} */
    this.buffers = new Proxy({}, { get: (_, number) => this.arrays.bytes(Number(number)) });
    this.line = element("div", { className: "fwd-message fwd-page-message" });
    this.parts = data.kinds.map((kind, number) => new Part(number, kind, this));
    /** @type {Map<number, HTMLElement>} */
    this.views = new Map();
    /** @type {Pieces} */
    this.now = [];
    /** @type {Values} */
    this.waiting = new Map();
    /** @type {Promise<void> | null} */
    this.rest = null;
    /** @type {string | null} */
    this.address = null;
    /** @type {Engine} */
    this.engine = data.network ? new Network(data.network, data, this) : new Recorded(data, this);
  }

  // --- what is shown ----------------------------------------------------------------------------

  /**
   * Shows a state: pieces by place. Only what changes is touched.
   * @param {Pieces} pieces
   */
  show(pieces) {
    /** @type {Values} */
    const values = new Map();
    pieces.forEach((piece, place) => {
      if (piece === this.now[place]) return;
      const [number, name] = this.data.places[place];
      const shown = values.get(number) ?? {};
      shown[name] = piece < 0 ? null : this.pieces[piece];
      values.set(number, shown);
    });
    this.now = pieces;
    this.give(values);
  }

  /**
   * Shows the picture first: any other change at the same time would make plotly measure the page
   * again. The rest follows one task later.
   * @param {Values} values
   */
  give(values) {
    this.tell("");
    for (const [number, shown] of values) {
      if (this.parts[number].kind === "plot") this.parts[number].show(shown);
      this.waiting.set(number, { ...this.waiting.get(number), ...shown });
    }
    this.rest ??= new Promise((resolve) => setTimeout(() => resolve(this.giveRest())));
  }

  giveRest() {
    const values = this.waiting;
    this.waiting = new Map();
    this.rest = null;
    for (const [number, shown] of values) if (this.parts[number].kind !== "plot") this.parts[number].show(shown);
    for (const [number, shown] of values) this.dress(number, shown);
    const made = this.views.get(0);
    if (made) frame.showCode(made);
    this.refresh();
    this.keepAddress();
  }

  // The value of one control decides at which values another one stops.
  refresh() {
    for (const { part } of this.engine.controls) this.parts[part]?.refresh?.({});
  }

  // Resolves when everything known so far is on the screen.
  async settled() {
    await this.engine.running;
    await this.rest;
  }

  /** @param {number} number @param {Shown} shown */
  dress(number, { classes, hidden }) {
    const made = this.views.get(number);
    if (!made) return;
    if (classes) made.className = [...classes, ...(made.dataset.kind?.split(" ") ?? [])].join(" ");
    if (hidden !== undefined) made.hidden = hidden;
  }

  /** @param {number} number @returns {HTMLElement} */
  view(number) {
    const known = this.views.get(number);
    if (known) return known;
    const part = this.parts[number];
    const made = /** @type {(part: Part) => HTMLElement} */ (VIEWS[part.kind])(part);
    made.dataset.kind = made.className;
    this.views.set(number, made);
    part.update?.(part.shown);
    this.dress(number, part.shown);
    part.draw?.();
    this.dress(number, { hidden: part.shown.hidden });
    return made;
  }

  // --- what the reader did ----------------------------------------------------------------------

  /** @param {PartOf<object>} part */
  controlOf(part) {
    return this.engine.controls.findIndex((control) => control.part === part.number);
  }

  /**
   * The numbers of the values at which a slider stops, from the smallest value to the largest.
   * @param {number} number
   */
  order(number) {
    const { values } = this.engine.controls[number];
    return this.engine.stops(number).sort((a, b) => Number(values[a]) - Number(values[b]));
  }

  /** @param {PartOf<object>} part */
  scale(part) {
    const number = this.controlOf(part);
    if (number < 0) return { order: [], texts: [String(part.shown.value)], at: 0 };
    return { order: this.order(number), texts: this.engine.controls[number].texts, at: this.engine.vector[number] };
  }

  /** @param {PartOf<object>} part @param {number} id */
  chosen(part, id) {
    this.after(this.engine.move(this.controlOf(part), id), part);
  }

  /** @param {PartOf<object>} part @param {Value} value */
  picked(part, value) {
    const number = this.controlOf(part);
    const id = this.engine.controls[number]?.values.indexOf(value) ?? -1;
    this.after(id >= 0 && this.engine.move(number, id), part, value);
  }

  /** @param {PartOf<object>} part @param {string} name @param {unknown} value */
  changed(part, name, value) {
    const number = this.engine.controls.findIndex((control) => control.name === this.data.choosers[part.number]);
    if (name !== "chosen" || number < 0) return;
    this.after(this.engine.move(number, this.engine.controls[number].values.indexOf(/** @type {Value} */ (value))), part);
  }

  /** @param {Part} part @param {Message} content */
  told(part, content) {
    if (content.kind === "edit" && this.typed(part, /** @type {Edit} */ (content))) return;
    part.fire("change:revision"); // a typed number is taken back
    this.tell(content.kind === "edit"
      ? "A number of your own is not recorded in this page; the one from before is kept. In a notebook it runs."
      : "A click on the picture does nothing in this page: please use the controls.");
  }

  /**
   * Goes to the state with the typed number in its table, if that state was recorded.
   * @param {Part} part
   * @param {Edit} edit
   */
  typed(part, { row, column, text }) {
    const number = this.controlOf(part);
    const cells = /** @type {string[][]} */ (part.shown.value).map((line) => [...line]);
    cells[row][column] = String(Number(text.trim().replace(",", ".")));
    const id = this.engine.controls[number]?.values.indexOf(JSON.stringify(cells).replaceAll(",", ", ")) ?? -1;
    if (id < 0 || !this.engine.leads(number, id)) return false;
    this.after(this.engine.move(number, id), part);
    return true;
  }

  /** @param {PartOf<object>} part */
  pressed(part) {
    const classes = part.shown.classes ?? [];
    const sample = this.engine.controls.findIndex(({ name }) => name === "sample");
    if (classes.includes("fwd-random")) {
      const others = this.order(sample).filter((id) => id !== this.engine.vector[sample] && this.engine.leads(sample, id));
      return this.after(this.engine.move(sample, others[Math.floor(Math.random() * others.length)] ?? -1), part);
    }
    const step = classes.includes("fwd-next-wrong") ? 1 : classes.includes("fwd-previous-wrong") ? -1 : 0;
    const along = classes.includes("fwd-next-step") ? 1 : classes.includes("fwd-previous-step") ? -1 : 0;
    if (along) return this.go("step", along);
    if (!step) {
      if (this.engine.press(part.number, classes.includes("fwd-home"))) return;
      return this.tell(`Where “${part.shown.description}” leads from here is not recorded in this page. In a notebook it runs.`,
        this.engine.at === null);
    }
    this.engine.findWrong(sample, step).then((found) => {
      if (found === null) this.tell("No other sample of this page is answered wrong.");
      else this.after(found, part);
    }, (error) => this.fail(error));
  }

  /** Goes a step on for a play button; whether there was one. @param {PartOf<object>} part */
  advance(part) {
    return this.go(this.data.choosers[part.number], 1);
  }

  /**
   * Moves the control of this name one value on or back; returns whether there was one.
   * @param {string} name
   * @param {number} along
   * @returns {boolean}
   */
  go(name, along) {
    const number = this.engine.controls.findIndex((control) => control.name === name);
    if (number < 0) return false;
    const { values, part } = this.engine.controls[number];
    const slider = this.parts[part];
    if (slider.kind === "slider") {
      const wanted = Number(values[this.engine.vector[number]]) + along;
      if (values.every((value) => (along > 0 ? Number(value) < wanted : Number(value) > wanted))) return false; // at the end
      this.chosen(slider, values.indexOf(wanted));
      return values.includes(wanted);
    }
    const { shown } = /** @type {PartOf<Choice>} */ (/** @type {PartOf<object>} */ (slider));
    const next = shown.values[(shown.index ?? -1) + along];
    if (next !== undefined) this.picked(slider, next);
    return next !== undefined;
  }

  /**
   * Which of its options a slider offers: those that lead somewhere, and the current one.
   * @param {PartOf<Choice>} part
   */
  offered(part) {
    const every = part.shown.options.map((_, index) => index);
    const number = this.controlOf(part);
    if (number < 0) return every;
    const { values } = this.engine.controls[number];
    /** @param {number} index */
    const leads = (index) => {
      const id = values.indexOf(part.shown.values[index]);
      return id >= 0 && this.engine.leads(number, id);
    };
    const some = every.filter((index) => index === part.shown.index || leads(index));
    return some.length > 1 ? some : every;
  }

  /**
   * @param {boolean | null} done
   * @param {PartOf<object>} part
   * @param {Value} [typed]
   */
  after(done, part, typed) {
    if (done) return;
    this.refresh();
    const { controls, vector } = this.engine;
    const seen = controls.filter((control) => this.views.get(control.part)?.hidden === false);
    const state = seen.map((control) =>
      `${this.parts[control.part].shown.description || control.name} ${control.texts[vector[controls.indexOf(control)]]}`);
    const old = this.engine.at === null;
    if (typed !== undefined) return this.tell(`${typed} is not recorded in this page together with what else is chosen. ${this.data.reach}`, old);
    if (!old) return this.tell(`That is not recorded in this page. ${this.data.reach}`);
    this.tell(`Not recorded in this page: ${state.join(", ") || part.shown.description}. The picture is the one from before; `
        + "another move may be recorded, and in a notebook all of them run.", true);
  }

  /** @param {Error} error */
  fail(error) {
    this.tell(this.engine.session
      ? `The network failed here: ${error.message}. The picture is the one from before.`
      : `The network does not run here: ${error.message}. It needs WebAssembly, and a content security `
        + "policy, if the site has one, that allows blob: and 'wasm-unsafe-eval'. Shown is the state that was recorded.", true);
    console.error(error);
  }

  /**
   * Writes a sentence over the picture, where the reader looks; `old` marks the picture as old.
   * @param {string} text
   */
  tell(text, old = false) {
    if (this.line.textContent !== text) this.line.textContent = text;
    for (const part of this.pictures) {
      this.views.get(part.number)?.classList.toggle("fwd-old", old || Boolean(part.shown.old));
    }
  }

  /** The parts that show what is computed. */
  get pictures() {
    return this.parts.filter(({ kind, shown }) => kind === "plot" || shown.classes?.includes("fwd-picture"));
  }

  // --- address ----------------------------------------------------------------------------------

  keepAddress() {
    const { controls, vector } = this.engine;
    const shown = controls.filter(({ part }) => this.views.has(part) && this.parts[part].kind !== "table");
    const address = addressOf(shown, shown.map((control) => control.values[vector[controls.indexOf(control)]]));
    if (address === this.address) return;
    const first = this.address === null; // a page that was just opened keeps its address
    this.address = address;
    try {
      if (!first) history.replaceState(null, "", address);
    } catch {
      // an embedded page has no address of its own
    }
  }

  /** @param {string} hash */
  openAddress(hash) {
    const missing = [];
    for (const { name, text, number, id } of readAddress(this.engine.controls, hash)) {
      const there = id >= 0 && (id === this.engine.vector[number] || this.engine.leads(number, id));
      if (!there || !this.engine.move(number, id)) missing.push(`${name}=${text}`);
    }
    if (missing.length) this.tell(`${missing.join(", ")}: that is not recorded in this page. ${this.data.reach}`);
  }

  // --- begin ------------------------------------------------------------------------------------

  /** @param {HTMLElement} root */
  open(root) {
    this.line.setAttribute("role", "status");
    this.show(this.engine.start());
    this.giveRest();
    const made = this.view(0);
    made.setAttribute("role", "group");
    made.setAttribute("aria-label", this.data.title);
    const picture = this.pictures.find(({ number }) => this.views.has(number));
    (picture ? this.view(picture.number) : made).prepend(this.line);
    const { network } = this.data;
    if (network?.own) made.append(new OwnSample(this, network).element);
    root.replaceChildren(made);
    frame.showCode(made);
    if (location.hash) this.openAddress(location.hash);
    addEventListener("hashchange", () => this.openAddress(location.hash));
  }
}
