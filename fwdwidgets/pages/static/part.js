// A part of a widget on a page. It gives the modules that draw figures and tables what a kernel's
// model would give them.
/** @import { Listener, Patch } from "../../widgets/static/types.js" */
/** @import { Kind, Listeners, Message, PartOf, Shown } from "./types.js" */
/** @import { Page } from "./page.js" */

// One part: what it shows, by name, and who wants to know of a change.
/** @implements {PartOf<object>} */
export class Part {
  /**
   * @param {number} number
   * @param {Kind} kind
   * @param {Page} page
   */
  constructor(number, kind, page) {
    this.number = number;
    this.kind = kind;
    this.page = page;
    /** @type {Shown} */
    this.shown = {};
    /** @type {Listeners} */
    this.listeners = new Map();
    /** @type {Patch} */
    this.changes = {};
    this.revision = 0;
    /** @type {PartOf<object>["update"]} */
    this.update = undefined;
    /** @type {PartOf<object>["refresh"]} */
    this.refresh = undefined;
    /** @type {PartOf<object>["draw"]} */
    this.draw = undefined;
  }

  /** @param {string} name */
  get(name) {
    return this.kind === "plot" && name === "_shown" ? this.figure() : this.shown[name];
  }

  /** @param {string} name @param {unknown} value */
  set(name, value) {
    this.changes[name] = value;
  }

  save_changes() {
    const changes = this.changes;
    this.changes = {};
    for (const [name, value] of Object.entries(changes)) this.page.changed(this, name, value);
  }

  /** @param {Message} content */
  send(content) {
    if (content.kind !== "ready") this.page.told(this, content);
  }

  /** @param {string} names @param {Listener} listener */
  on(names, listener) {
    for (const name of names.split(" ")) {
      const known = this.listeners.get(name) ?? new Set();
      this.listeners.set(name, known.add(listener));
    }
  }

  /** @param {string} names @param {Listener} listener */
  off(names, listener) {
    for (const name of names.split(" ")) this.listeners.get(name)?.delete(listener);
  }

  /** @param {string} name @param {unknown[]} what */
  fire(name, ...what) {
    for (const listener of this.listeners.get(name) ?? []) listener(...what);
  }

  /**
   * Shows new values by name; a figure gets them in one message, as it would from a kernel.
   * @param {Patch} values
   */
  show(values) {
    if (this.kind === "plot") values = this.changed(values);
    Object.assign(this.shown, values);
    if (this.kind !== "plot") {
      for (const name of Object.keys(values)) this.fire(`change:${name}`);
      return this.update?.(values);
    }
    if ("old" in values) this.fire("change:old");
    /** @type {{ kind: string, revision: number, label: unknown, traces: { [number: string]: Patch }, layout: Patch }} */
    const drawn = { kind: "draw", revision: this.revision + 1, label: this.shown.label, traces: {}, layout: {} };
    let any = "label" in values;
    for (const [name, value] of Object.entries(values)) {
      const [where, ...path] = name.split(".");
      any ||= where === "traces" || where === "layout";
      if (where === "traces") (drawn.traces[path[0]] ??= {})[path.slice(1).join(".")] = value;
      if (where === "layout") drawn.layout[path.join(".")] = value;
    }
    if (!any) return;
    this.revision += 1;
    this.fire("msg:custom", drawn, this.page.buffers);
  }

  /**
   * Those of these values that are not shown already; arrays always count as new.
   * @param {Patch} values @returns {Patch}
   */
  changed(values) {
    /** @param {unknown} a @param {unknown} b */
    const same = (a, b) => a === b || (typeof a === "object" && !(a && "buffer" in a) && JSON.stringify(a) === JSON.stringify(b));
    return Object.fromEntries(Object.entries(values).filter(([name, value]) => !same(value, this.shown[name])));
  }

  /** The whole figure as plot.js takes it. */
  figure() {
    this.revision = 1;
    /** @type {Patch[]} */
    const data = [];
    /** @type {Patch} */
    const layout = {};
    const tree = { ...this.page.frames[this.number], revision: 1, label: this.shown.label, data, layout };
    for (const [name, value] of Object.entries(this.shown)) {
      const [where, ...path] = name.split(".");
      if (value === null) continue; // only another state has it
      if (where === "traces") (data[Number(path[0])] ??= {})[path.slice(1).join(".")] = value;
      if (where === "layout") put(layout, path.join("."), value);
    }
    return { tree, buffers: this.page.buffers };
  }
}

/**
 * Assigns by a dotted path such as "annotations[1].text"; what the tree lacks is created.
 * @param {any} tree objects and lists of any depth
 * @param {string} path
 * @param {unknown} value
 */
function put(tree, path, value) {
  const keys = path.replace(/\[(\d+)\]/g, ".$1").split(".");
  const last = /** @type {string} */ (keys.pop());
  keys.forEach((key, index) => {
    tree = tree[key] ??= /^\d+$/.test(keys[index + 1] ?? last) ? [] : {};
  });
  tree[last] = value;
}
