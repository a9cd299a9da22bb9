// A page: puts the parts together, hands moves to what knows the next picture, and keeps the
// state in the address. It assigns arrays; what they are was computed in PyTorch.

class Page {
  constructor(data, blob) {
    this.data = data;
    this.pieces = data.pieces;
    this.frames = data.frames;
    this.buffers = new Proxy({}, { get: (_, number) => this.buffer(Number(number)) });
    this.blob = blob;
    this.decoded = new Map();
    this.parts = data.kinds.map((kind, number) => new Part(number, kind, this));
    this.views = new Map();
    this.now = [];
    this.held = [];
    this.waiting = new Map();
    this.engine = data.network ? new Network(data, this) : new Recorded(data, this);
  }

  // Keeps an array that was computed here; where it is, as in a piece.
  hold(data, shape) {
    this.held.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const dtype = data.constructor.name.replace("Array", "").toLowerCase();
    return { buffer: -this.held.length, dtype, shape: [...shape] };
  }

  // The bytes of an array; a quantised one as float32.
  buffer(number) {
    if (number < 0) return this.held[-1 - number];
    const { offset, size, low, high } = this.data.buffers[number];
    const bytes = this.blob.subarray(offset, offset + size);
    if (low === undefined) return bytes;
    if (!this.decoded.has(number)) {
      const step = (high - low) / LEVELS;
      const floats = Float32Array.from(bytes, (level) => (level === 255 ? NaN : low + level * step));
      this.decoded.set(number, new Uint8Array(floats.buffer));
    }
    return this.decoded.get(number);
  }

  // --- what is shown ----------------------------------------------------------------------------

  // Shows a state: pieces by place. Only what differs from now is touched.
  show(pieces) {
    const values = new Map();
    pieces.forEach((piece, place) => {
      if (piece === this.now[place]) return;
      const [number, name] = this.data.places[place];
      if (!values.has(number)) values.set(number, {});
      values.get(number)[name] = piece < 0 ? null : this.pieces[piece];
    });
    this.now = pieces;
    this.give(values);
  }

  // The picture first: a change of anything else beside it would make plotly measure the page
  // again. The rest follows a task later.
  give(values) {
    this.tell("");
    for (const [number, shown] of values) {
      if (this.parts[number].kind === "plot") this.parts[number].show(shown);
      this.waiting.set(number, { ...this.waiting.get(number), ...shown });
    }
    if (!this.rest) this.rest = new Promise((resolve) => setTimeout(() => resolve(this.giveRest())));
  }

  giveRest() {
    const values = this.waiting;
    this.waiting = new Map();
    this.rest = null;
    for (const [number, shown] of values) if (this.parts[number].kind !== "plot") this.parts[number].show(shown);
    for (const [number, shown] of values) this.dress(number, shown);
    if (this.views.has(0)) frame.showCode(this.views.get(0));
    this.refresh();
    this.keepAddress();
  }

  // Where one control stands decides at which values another one stops.
  refresh() {
    for (const { part } of this.engine.controls) this.parts[part]?.refresh?.({});
  }

  // Resolves when all that is known is on the screen.
  async settled() {
    await this.engine.running;
    await this.rest;
  }

  dress(number, { classes, hidden }) {
    const made = this.views.get(number);
    if (!made) return;
    if (classes) made.className = [...classes, ...(made.dataset.kind?.split(" ") ?? [])].join(" ");
    if (hidden !== undefined) made.hidden = hidden;
  }

  view(number) {
    if (!this.views.has(number)) {
      const part = this.parts[number];
      const made = VIEWS[part.kind](part);
      made.dataset.kind = made.className;
      this.views.set(number, made);
      part.update?.(part.shown);
      this.dress(number, part.shown);
      part.draw?.();
      this.dress(number, { classes: undefined, hidden: part.shown.hidden });
    }
    return this.views.get(number);
  }

  // --- what a hand did --------------------------------------------------------------------------

  controlOf(part) {
    return this.engine.controls.findIndex((control) => control.part === part.number);
  }

  // The numbers of the values at which a slider stops, from the least to the largest.
  order(number) {
    const { values } = this.engine.controls[number];
    return this.engine.stops(number).sort((a, b) => values[a] - values[b]);
  }

  scale(part) {
    const number = this.controlOf(part);
    if (number < 0) return { order: [], texts: [part.shown.value], at: 0 };
    return { order: this.order(number), texts: this.engine.controls[number].texts, at: this.engine.vector[number] };
  }

  chosen(part, id) {
    this.after(this.engine.move(this.controlOf(part), id), part);
  }

  picked(part, value) {
    const number = this.controlOf(part);
    const id = this.engine.controls[number]?.values.indexOf(value) ?? -1;
    this.after(id >= 0 && this.engine.move(number, id), part, value);
  }

  changed(part, name, value) {
    const number = this.engine.controls.findIndex((control) => control.name === this.data.choosers[part.number]);
    if (name !== "chosen" || number < 0) return;
    this.after(this.engine.move(number, this.engine.controls[number].values.indexOf(value)), part);
  }

  told(part, content) {
    if (content.kind === "edit" && this.typed(part, content)) return;
    part.fire("change:revision"); // a typed number is taken back
    this.tell(content.kind === "edit"
      ? "A number of your own is not recorded in this page; the one from before is kept. In a notebook it runs."
      : "A click on the picture does nothing in this page: please use the controls.");
  }

  // Goes to the table with a number that was typed, where that was recorded.
  typed(part, { row, column, text }) {
    const number = this.controlOf(part);
    const cells = part.shown.value.map((line) => [...line]);
    cells[row][column] = String(Number(text.trim().replace(",", ".")));
    const id = this.engine.controls[number]?.values.indexOf(JSON.stringify(cells).replaceAll(",", ", ")) ?? -1;
    if (id < 0 || !this.engine.leads(number, id)) return false;
    this.after(this.engine.move(number, id), part);
    return true;
  }

  pressed(part) {
    const classes = part.shown.classes;
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

  // One step on for a play button; whether there was one.
  advance(part) {
    return this.go(this.data.choosers[part.number], 1);
  }

  // Moves a control with that name one on or back; whether there was one.
  go(name, along) {
    const number = this.engine.controls.findIndex((control) => control.name === name);
    const { values, part } = this.engine.controls[number];
    const slider = this.parts[part];
    if (slider.kind === "slider") {
      const wanted = values[this.engine.vector[number]] + along;
      if (values.every((value) => (along > 0 ? value < wanted : value > wanted))) return false; // at the end
      this.chosen(slider, values.indexOf(wanted));
      return values.includes(wanted);
    }
    const next = slider.shown.values[slider.shown.index + along];
    if (next !== undefined) this.picked(slider, next);
    return next !== undefined;
  }

  // Which of its options a slider offers: where one leads, and where it stands.
  offered(part) {
    const every = part.shown.options.map((_, index) => index);
    const number = this.controlOf(part);
    if (number < 0) return every;
    const { values } = this.engine.controls[number];
    const leads = (index) => {
      const id = values.indexOf(part.shown.values[index]);
      return id >= 0 && this.engine.leads(number, id);
    };
    const some = every.filter((index) => index === part.shown.index || leads(index));
    return some.length > 1 ? some : every;
  }

  after(done, part, typed) {
    if (done) return;
    this.refresh();
    const names = this.engine.controls.filter(({ part }) => this.views.has(part) && !this.views.get(part).hidden);
    const state = names.map(({ name, texts, part: p }) => {
      const number = this.engine.controls.findIndex((control) => control.part === p);
      return `${this.parts[p].shown.description || name} ${texts[this.engine.vector[number]]}`;
    });
    const old = this.engine.at === null;
    if (typed !== undefined) return this.tell(`${typed} is not recorded in this page together with what else is chosen. ${this.data.reach}`, old);
    if (!old) return this.tell(`That is not recorded in this page. ${this.data.reach}`);
    this.tell(`Not recorded in this page: ${state.join(", ") || part.shown.description}. The picture is the one from before; `
        + "another move may be recorded, and in a notebook all of them run.", true);
  }

  fail(error) {
    this.tell(this.engine.session
      ? `The network failed here: ${error.message}. The picture is the one from before.`
      : `The network does not run here: ${error.message}. It needs WebAssembly, and a content security `
        + "policy, if the site has one, that allows blob: and 'wasm-unsafe-eval'. Shown is the state that was recorded.", true);
    console.error(error);
  }

  // Says something over the picture, where the eye is; `old` marks it as one of before.
  tell(text, old = false) {
    if (this.line.textContent !== text) this.line.textContent = text;
    for (const part of this.pictures) {
      this.views.get(part.number)?.classList.toggle("fwd-old", old || Boolean(part.shown.old));
    }
  }

  get pictures() {
    return this.parts.filter(({ kind, shown }) => kind === "plot" || shown.classes?.includes("fwd-picture"));
  }

  // --- address ----------------------------------------------------------------------------------

  keepAddress() {
    const state = new URLSearchParams();
    this.engine.controls.forEach(({ name, values, part }, number) => {
      const shown = this.views.has(part) && this.parts[part].kind !== "table";
      if (shown) state.set(name, values[this.engine.vector[number]]);
    });
    const address = `#${state}`;
    if (address === this.address) return;
    const first = this.address === undefined; // a page that was just opened keeps its address
    this.address = address;
    try {
      if (!first) history.replaceState(null, "", address);
    } catch {
      // an embedded page has no address of its own
    }
  }

  openAddress(hash) {
    const missing = [];
    for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
      const number = this.engine.controls.findIndex((control) => control.name === name);
      const id = this.engine.controls[number]?.values.findIndex((value) => String(value) === text) ?? -1;
      const there = id >= 0 && (id === this.engine.vector[number] || this.engine.leads(number, id));
      if (!there || !this.engine.move(number, id)) missing.push(`${name}=${text}`);
    }
    if (missing.length) this.tell(`${missing.join(", ")}: that is not recorded in this page. ${this.data.reach}`);
  }

  // --- begin ------------------------------------------------------------------------------------

  open(root) {
    this.line = element("div", { className: "fwd-message fwd-page-message" });
    this.line.setAttribute("role", "status");
    this.show(this.engine.start());
    this.giveRest();
    const made = this.view(0);
    made.setAttribute("role", "group");
    made.setAttribute("aria-label", this.data.title);
    const picture = this.pictures.find(({ number }) => this.views.has(number));
    (picture ? this.view(picture.number) : made).prepend(this.line);
    if (this.data.network?.own) made.append(new OwnSample(this).element);
    root.replaceChildren(made);
    frame.showCode(made);
    if (location.hash) this.openAddress(location.hash);
    addEventListener("hashchange", () => this.openAddress(location.hash));
  }
}

const LEVELS = 254; // as in _archive.py

// --- files ----------------------------------------------------------------------------------------

// Each resolves once: what plotly is has come, or all of the page.
const parsed = new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));
const came = new Promise((resolve) => addEventListener("fwdwidgets-part", resolve));

// gzip in base64, in a script element of this page or brought by a script beside it. What the page
// itself shows stands before this script, then comes plotly, then all else.
async function unpacked(name) {
  const find = () => {
    const element = document.querySelector(`script[data-part="${name}"]`);
    const whole = document.readyState !== "loading" || element?.nextElementSibling?.localName === "script";
    return globalThis.fwdwidgetsParts?.[name] ?? (whole ? element?.textContent : undefined);
  };
  if (name === "plotly") await Promise.race([came, parsed]);
  const text = find() ?? await parsed.then(find);
  if (!text) throw new Error(`the file ${name}.js that belongs beside this page did not load`);
  const stream = new Blob([bytesOf(text.trim())]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// A loop is what is fast in browsers that do not know base64 themselves yet.
function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const letters = atob(base64);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

async function imported(code) {
  const url = URL.createObjectURL(new Blob(code, { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

// plot.js takes plotly from here. Before it holds the page up, what can be shown already is shown.
async function plotly(opened) {
  const [code] = await Promise.all([unpacked("plotly"), opened]);
  // Else a browser parses most functions twice: once over all, and once more when each is called.
  const hint = "//# allFunctionsCalledOnLoad\n";
  const wrapped = [hint, "const module = { exports: {} }, define = undefined;\n", code, "\nexport default module.exports;"];
  return (await withoutStorage(() => imported(wrapped))).default;
}

// A library in plotly's bundle asks the browser's storage how to warn of something that no page
// uses, and waits for the disk. It takes no storage for an answer.
async function withoutStorage(task) {
  const own = Object.getOwnPropertyDescriptor(globalThis, "localStorage");
  if (!own?.configurable) return task();
  Object.defineProperty(globalThis, "localStorage", { value: null, configurable: true });
  try {
    return await task();
  } finally {
    Object.defineProperty(globalThis, "localStorage", own);
  }
}

// Resolves when what is on the page has been painted; in a page that is not looked at, soon.
function shown() {
  return new Promise((resolve) => {
    setTimeout(resolve, 200);
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)));
  });
}

function followTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const set = (light) => { document.body.dataset.jpThemeLight = String(light); };
  const follow = () => set(!dark.matches);
  dark.addEventListener("change", follow);
  const paper = matchMedia("print");
  paper.addEventListener("change", () => (paper.matches ? set(true) : follow()));
  addEventListener("beforeprint", () => set(true)); // paper is white
  addEventListener("afterprint", follow);
  follow();
}

function showLicenses() {
  const details = document.getElementById("fwd-licenses");
  details?.addEventListener("toggle", async () => {
    const text = details.querySelector("pre");
    if (details.open && !text.textContent) text.textContent = new TextDecoder().decode(await unpacked("licenses"));
  });
}

// An embedded page says how high it is, to whom it does not know: a frame that listens fits itself.
function tellHeight() {
  if (parent === window) return;
  const tell = () => parent.postMessage({ fwdHeight: document.documentElement.getBoundingClientRect().height }, "*");
  new ResizeObserver(tell).observe(document.documentElement);
}

async function main() {
  const root = document.getElementById("fwd-root");
  followTheme();
  showLicenses();
  try {
    let open;
    globalThis.__fwdwidgets_plotly = plotly(new Promise((resolve) => { open = resolve; }));
    const [head, blob] = await Promise.all([unpacked("page"), unpacked("arrays")]);
    const data = JSON.parse(new TextDecoder().decode(head));
    globalThis.fwdwidgetsPage = new Page(data, blob);
    fwdwidgetsPage.open(root);
    tellHeight();
    await shown();
    open();
    await globalThis.__fwdwidgets_plotly; // what stands around the figure is there before it
  } catch (error) {
    tellHeight();
    root.textContent = `This page cannot run here: ${error.message}. It needs a browser of 2023 or later, and a `
      + "content security policy, if the site has one, that allows inline scripts, blob: and 'wasm-unsafe-eval'.";
    throw error;
  }
}

main();
