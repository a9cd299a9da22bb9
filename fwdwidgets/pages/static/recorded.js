// A widget whose states were recorded: a move goes from one to another.
/** @import { Engine, PageData, Pieces, Value } from "./types.js" */
/** @import { Page } from "./page.js" */

/** @implements {Engine} */
export class Recorded {
  /** @param {PageData} data @param {Page} page */
  constructor(data, page) {
    this.data = data;
    this.page = page;
    this.index = new Map(data.plain.map((state) => [data.keys[state], state]));
    /** @type {number | null} */
    this.at = 0; // null in a state that was not recorded
    this.last = 0; // the last one that was
    this.vector = data.keys[0].split(",").map(Number);
    /** @type {{ [name: string]: Map<string, number> }} */
    this.led = {}; // of controls that also set others: where each value leads
  }

  get controls() {
    return this.data.controls;
  }

  /**
   * Everything that a state shows, by place.
   * @param {number} state
   * @returns {Pieces}
   */
  shown(state) {
    const pieces = [...this.data.base];
    const own = this.data.states[state];
    for (let i = 0; i < own.length; i += 2) pieces[own[i]] = own[i + 1];
    return pieces;
  }

  start() {
    return this.shown(0);
  }

  /** All values after one of them changes. @param {number} number @param {number} value */
  with(number, value) {
    return this.vector.map((old, at) => (at === number ? value : old));
  }

  /**
   * Where setting a control leads, undefined if that was not recorded. What the control also
   * sets may have had any value before.
   * @param {number} number
   * @param {number} value
   * @returns {number | undefined}
   */
  target(number, value) {
    const wanted = this.with(number, value);
    const { name } = this.controls[number];
    const moves = this.data.moves[name];
    if (!moves) return this.index.get(wanted.join(","));
    const forgets = this.data.forgets[name];
    if (!forgets) return moves[wanted.join(",")];
    /** @param {(string | number)[]} key */
    const rest = (key) => key.filter((_, at) => !forgets.includes(at)).join(",");
    this.led[name] ??= new Map(Object.entries(moves).map(([key, state]) => [rest(key.split(",")), state]));
    return this.led[name].get(rest(wanted));
  }

  /**
   * The values at which a slider stops: those it offers, and any others that lead somewhere.
   * @param {number} number
   */
  stops(number) {
    const { part, values } = this.controls[number];
    const offers = /** @type {Value[]} */ (this.page.parts[part].shown.offers);
    return values.map((_, id) => id).filter((id) => id === this.vector[number]
      || offers.includes(values[id]) || this.leads(number, id));
  }

  /** @param {number} number @param {number} value */
  leads(number, value) {
    return this.target(number, value) !== undefined;
  }

  /** @param {number} number @param {number} value @returns {boolean} */
  move(number, value) {
    if (value < 0) return false;
    if (this.vector[number] === value && this.at !== null) return true;
    return this.go(this.target(number, value), this.with(number, value));
  }

  /**
   * A button leads on from the current recorded state. One that leads `home` leads on from the last
   * recorded state, else from the first.
   * @param {number} part
   * @param {boolean} home
   */
  press(part, home) {
    /** @param {number | null} from @returns {number | undefined} */
    const led = (from) => (from === null ? undefined : this.data.presses[this.data.keys[from]]?.[part]);
    const state = home ? led(this.last) ?? led(0) : led(this.at);
    return state !== undefined && this.go(state, this.vector);
  }

  /** @param {number | undefined} state @param {number[]} vector */
  go(state, vector) {
    if (state === undefined) {
      this.vector = vector;
      this.at = null;
      return false;
    }
    this.at = this.last = state;
    this.vector = this.data.keys[state].split(",").map(Number);
    this.page.show(this.shown(state));
    return true;
  }

  /** Whether the answer in a state is wrong: its badge says so. @param {number} state */
  isWrong(state) {
    return this.shown(state).some((piece, place) =>
      this.data.places[place][1] === "value" && String(this.page.pieces[piece]).includes("fwd-badge-incorrect"));
  }

  /** @param {number} number @param {number} step */
  async findWrong(number, step) {
    const order = this.page.order(number);
    const start = order.indexOf(this.vector[number]);
    for (let count = 1; count < order.length; count++) {
      const value = order[(start + step * count + order.length * count) % order.length];
      const state = this.target(number, value);
      if (state !== undefined && this.isWrong(state)) return this.move(number, value);
    }
    return null;
  }
}
