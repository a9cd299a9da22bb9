// The parts of a widget on a page: plain HTML controls, and the modules that draw its figure and
// tables, which find here what a kernel's model would give them.

// One part: what it shows, by name, and who wants to know of a change.
class Part {
  constructor(number, kind, page) {
    this.number = number;
    this.kind = kind;
    this.page = page;
    this.shown = {};
    this.listeners = new Map();
    this.changes = {};
  }

  get(name) {
    return this.kind === "plot" && name === "_shown" ? this.figure() : this.shown[name];
  }

  set(name, value) {
    this.changes[name] = value;
  }

  save_changes() {
    const changes = this.changes;
    this.changes = {};
    for (const [name, value] of Object.entries(changes)) this.page.changed(this, name, value);
  }

  send(content) {
    if (content.kind !== "ready") this.page.told(this, content);
  }

  on(names, listener) {
    for (const name of names.split(" ")) {
      if (!this.listeners.has(name)) this.listeners.set(name, new Set());
      this.listeners.get(name).add(listener);
    }
  }

  off(names, listener) {
    for (const name of names.split(" ")) this.listeners.get(name)?.delete(listener);
  }

  fire(name, ...what) {
    for (const listener of this.listeners.get(name) ?? []) listener(...what);
  }

  // Shows new values by name; a figure gets them in one message, as from a kernel.
  show(values) {
    if (this.kind === "plot") values = this.changed(values);
    Object.assign(this.shown, values);
    if (this.kind !== "plot") {
      for (const name of Object.keys(values)) this.fire(`change:${name}`);
      return this.update?.(values);
    }
    if ("old" in values) this.fire("change:old");
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

  // What of these values is not shown already; arrays count as new.
  changed(values) {
    const same = (a, b) => a === b || (typeof a === "object" && a?.buffer === undefined && JSON.stringify(a) === JSON.stringify(b));
    return Object.fromEntries(Object.entries(values).filter(([name, value]) => !same(value, this.shown[name])));
  }

  // The whole figure as plot.js takes it.
  figure() {
    this.revision = 1;
    const tree = { ...this.page.frames[this.number], revision: 1, label: this.shown.label, data: [], layout: {} };
    for (const [name, value] of Object.entries(this.shown)) {
      const [where, ...path] = name.split(".");
      if (value === null) continue; // only another state has it
      if (where === "traces") (tree.data[path[0]] ??= {})[path.slice(1).join(".")] = value;
      if (where === "layout") put(tree.layout, path.join("."), value);
    }
    return { tree, buffers: this.page.buffers };
  }
}

// Assigns by a dotted path, "annotations[1].text", in a tree that need not have it yet.
function put(tree, path, value) {
  const keys = path.replace(/\[(\d+)\]/g, ".$1").split(".");
  const last = keys.pop();
  keys.forEach((key, index) => {
    tree = tree[key] ??= /^\d+$/.test(keys[index + 1] ?? last) ? [] : {};
  });
  tree[last] = value;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

let labels = 0;

// A control under its label.
function labelled(part, control, ...more) {
  control.id = `fwd-control-${++labels}`;
  const label = element("label", { className: "widget-label", htmlFor: control.id });
  part.update = (values) => {
    label.textContent = part.shown.description;
    control.disabled = Boolean(part.shown.disabled);
    part.refresh(values);
  };
  return element("div", { className: "widget-inline-hbox" }, label, control, ...more);
}

const VIEWS = {
  box(part) {
    const made = element("div", { className: part.shown.upright ? "fwd-column" : "fwd-line-of-parts" });
    part.update = ({ children }) => {
      if (children) made.replaceChildren(...children.map((number) => part.page.view(number)));
    };
    return made;
  },

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

  slider(part) {
    const range = element("input", { type: "range", min: 0, step: 1 });
    const readout = element("output", { className: "widget-readout" });
    let order = [];
    part.refresh = () => {
      const { order: stops, texts, at } = part.page.scale(part);
      order = stops;
      range.max = Math.max(0, order.length - 1);
      range.value = order.indexOf(at);
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

  options(part) {
    const range = element("input", { type: "range", min: 0, step: 1 });
    const readout = element("output", { className: "widget-readout" });
    let offered = [];
    const say = () => {
      readout.textContent = part.shown.options[offered[Number(range.value)]] ?? "";
      readout.title = readout.textContent;
      range.setAttribute("aria-valuetext", readout.textContent);
    };
    part.refresh = () => {
      offered = part.page.offered(part);
      range.max = Math.max(0, offered.length - 1);
      range.value = Math.max(0, offered.indexOf(part.shown.index));
      say();
    };
    range.addEventListener("input", () => {
      say();
      part.page.picked(part, part.shown.values[offered[Number(range.value)]]);
    });
    return labelled(part, range, readout);
  },

  menu(part) {
    const menu = element("select");
    part.refresh = (values) => {
      if (values.options) menu.replaceChildren(...values.options.map((text) => element("option", { textContent: text })));
      menu.selectedIndex = part.shown.index ?? -1;
    };
    menu.addEventListener("change", () => part.page.picked(part, part.shown.values[menu.selectedIndex]));
    return labelled(part, menu);
  },

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
        button.setAttribute("aria-pressed", index === part.shown.index));
    };
    return made;
  },

  checkbox(part) {
    const box = element("input", { type: "checkbox" });
    const text = element("span");
    part.update = () => {
      box.checked = part.shown.value;
      box.disabled = part.shown.disabled;
      text.textContent = part.shown.description;
    };
    box.addEventListener("change", () => part.page.picked(part, box.checked));
    return element("label", { className: "fwd-check" }, box, text);
  },

  button(part) {
    const button = element("button", { type: "button" });
    part.update = () => {
      button.textContent = part.shown.description;
      button.title = part.shown.tooltip ?? "";
      button.disabled = part.shown.disabled;
    };
    button.addEventListener("click", () => part.page.pressed(part));
    return button;
  },

  play(part) {
    const button = element("button", { type: "button" });
    let timer = null;
    const say = () => {
      button.textContent = timer ? "❚❚ pause" : "▶ play";
      button.setAttribute("aria-label", timer ? "pause" : "play from here");
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
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

  text(part) {
    const box = element("input", { type: "text", spellcheck: false });
    part.refresh = () => { box.value = part.shown.value; };
    box.addEventListener("change", () => part.page.picked(part, box.value));
    return labelled(part, box);
  },

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
  steps: (part) => drawn(part, steps),
  table: (part) => drawn(part, table),
};

const LIVE = new Set(["fwd-badge", "fwd-message", "fwd-happened"]);

// A part whose own module draws it.
function drawn(part, module) {
  const made = element("div");
  part.draw = () => module.render({ model: part, el: made });
  return made;
}

// A figure, and room for it until it is drawn: nothing below jumps when it comes.
function figure(part) {
  const made = element("div");
  const room = element("div");
  const below = words(made, part);
  room.style.height = `${roomFor(part)}px`;
  made.append(room, below);
  part.draw = () => {
    plot.render({ model: part, el: made, still: (...drawn) => {
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

// How high a figure becomes, as in plot.js.
function roomFor(part) {
  const { views } = part.page.frames[part.number];
  const room = document.getElementById("fwd-root").clientWidth;
  const from = Object.keys(views).map(Number).filter((least) => least <= room);
  return views[Math.max(...from)].height;
}
