// A forward pass that runs in the page: onnxruntime computes what PyTorch's graph says, also how
// a layer is laid out and its colour range; here it is put where the figure wants it.

class Network {
  constructor(data, page) {
    this.plan = data.network;
    this.page = page;
    this.controls = this.plan.controls;
    this.vector = this.controls.map(({ now }) => now);
    this.recorded = data.base;
    this.own = null; // a sample of the reader's own
    this.turn = 0; // counts moves: the latest wins
  }

  start() {
    this.ready = painted().then(() => this.open()); // the recorded picture first
    this.ready.catch((error) => this.page.fail(error));
    return this.recorded;
  }

  async open() {
    const [code, wasm, model] = await Promise.all(["ort", "wasm", "model"].map(unpacked));
    this.ort = await imported([code]);
    this.ort.env.wasm.numThreads = 1;
    this.ort.env.wasm.wasmBinary = wasm;
    this.session = await this.begin(model);
    this.pictures = new Map();
    const samples = this.plan.samples.map(({ input }) => input);
    this.inputs = samples.map((tree) => this.tensor(tree, this.plan.shape));
    this.weights = this.plan.weights.map(({ feeds }) =>
      Object.fromEntries(Object.entries(feeds).map(([name, tree]) => [name, this.tensor(tree, tree.shape)])));
  }

  begin(model) {
    return this.ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  }

  // Lays out a picture: what its graph makes of the values that it takes.
  async picture({ graph, sources, outputs }, values) {
    if (!this.pictures.has(graph)) {
      this.pictures.set(graph, await this.begin(this.page.buffer(this.plan.graphs[graph].buffer)));
    }
    const given = Object.fromEntries(sources.map((name, index) => [`in${index}`, values[name]]));
    return this.pictures.get(graph).run(given, outputs);
  }

  tensor({ buffer, dtype }, shape) {
    const bytes = this.page.buffer(buffer);
    const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    return new this.ort.Tensor(dtype, new ARRAYS[dtype](own), shape);
  }

  // --- state ------------------------------------------------------------------------------------

  number(name) {
    return this.controls.findIndex((control) => control.name === name);
  }

  value(name) {
    const number = this.number(name);
    return number < 0 ? undefined : this.controls[number].values[this.vector[number]];
  }

  put(name, id) {
    if (this.number(name) >= 0) this.vector[this.number(name)] = id;
  }

  get weightsNumber() {
    if (this.value("given")) return this.plan.weights.length - 1;
    return this.vector[this.number("seed") >= 0 ? this.number("seed") : this.number("epoch")];
  }

  stops(number) {
    return this.controls[number].values.map((_, id) => id);
  }

  leads() {
    return true;
  }

  move(number, id) {
    const { name } = this.controls[number];
    if (id < 0) return false;
    if (name === "sample") this.own = null;
    else if (name === "seed") this.put("given", 0);
    else if (name === "layer") this.put("page", 0);
    if (name === "page" && id >= this.plan.layers[this.value0("layer")].pages.length) return false;
    this.vector[number] = id;
    this.running = this.run();
    this.running.catch((error) => this.page.fail(error));
    return true;
  }

  // Runs the network on numbers that the reader gave.
  runOwn(numbers) {
    this.running = this.ready.then(() => {
      this.own = new this.ort.Tensor("float32", numbers, this.plan.shape);
      return this.run();
    });
    this.running.catch((error) => this.page.fail(error));
  }

  value0(name) {
    return this.vector[this.number(name)];
  }

  press() {
    return false;
  }

  // --- run --------------------------------------------------------------------------------------

  feeds(sample = this.value0("sample")) {
    const batch = this.own ?? this.inputs[sample];
    return { [this.plan.batch]: batch, ...this.weights[this.weightsNumber] };
  }

  // One task at a time: onnxruntime does not run two sessions at once.
  alone(task) {
    const before = this.queue ?? Promise.resolve();
    this.queue = before.catch(() => {}).then(() => this.ready).then(task);
    return this.queue;
  }

  run() {
    const turn = ++this.turn;
    return this.alone(() => (turn === this.turn ? this.compute(turn) : undefined));
  }

  async compute(turn) {
    const layer = this.plan.layers[this.value0("layer")];
    const shown = layer.pages[this.value0("page")];
    const { input } = this.plan;
    const feeds = this.feeds();
    const steps = [...input.sources, ...shown.sources].filter((name) => name !== this.plan.batch);
    const values = await this.session.run(feeds, [...new Set([...this.answers(), ...steps])]);
    values[this.plan.batch] = feeds[this.plan.batch];
    const pictures = [await this.picture(input, values), await this.picture(shown, values)];
    if (turn !== this.turn) return; // another move came meanwhile
    this.page.held = [];
    this.page.give(this.draw(values, pictures, layer, shown));
  }

  answers() {
    return ["answer.output", "answer.probabilities", ...(this.plan.classes?.shown.logits ? ["answer.logits"] : [])];
  }

  async findWrong(number, step) {
    await this.ready;
    if (!this.plan.classes) return null;
    const start = this.value0("sample");
    const many = this.plan.samples.length;
    for (let count = 1; count < many; count++) {
      const index = (start + step * count + many * count) % many;
      const { label } = this.plan.samples[index];
      this.own = null;
      const found = await this.alone(() => this.session.run(this.feeds(index), this.answers()));
      if (label !== null && this.decide(found) !== label) return this.move(number, index);
    }
    return null;
  }

  // The predicted class, null where there is none: decide() in outputs.py.
  decide(found) {
    const output = found["answer.output"].data;
    if (!this.plan.classes || output.some(Number.isNaN)) return null;
    if (this.plan.classes.head === "sigmoid") return Number(output[0] >= 0.5);
    return output.indexOf(output.reduce((a, b) => Math.max(a, b)));
  }

  // --- draw -------------------------------------------------------------------------------------

  draw(found, pictures, layer, shown) {
    const { parts, samples, weights, told } = this.plan;
    const sample = samples[this.value0("sample")];
    const set = weights[this.weightsNumber];
    const label = this.own ? null : sample.label;
    const chosen = `${this.own ? "your own sample" : `sample ${sample.index}`}, ${set.words}`;
    const plot = { label: `${chosen}: input, ${layer.name}, answer`, old: false };
    [this.plan.input, shown].forEach(({ fixed, slots }, index) => {
      for (const [place, piece] of Object.entries(fixed)) plot[place] = this.page.pieces[piece];
      for (const [place, output, what] of slots) plot[place] = this.slot(pictures[index][output], what);
    });
    const odd = pictures[1].odd.data[0];
    this.mark(plot, odd, pictures[1].picture, shown);
    const prediction = this.decide(found);
    if (this.plan.classes) this.drawClasses(plot, found, prediction, label);
    const pages = layer.pages.length;
    const own = this.own ? sayOdd(layer, odd) : told[`${this.value0("sample")},${this.weightsNumber}`] ?? "";
    const values = new Map([
      [parts.plot, plot],
      [parts.badge, { value: this.badge(found, prediction, label) }],
      [parts.status, { value: set.status }],
      [parts.message, { value: this.message(own) }],
      [parts.table, { chosen: layer.name }],
      [parts.layer, { index: this.value0("layer") }],
      [parts.page, { hidden: pages < 2 }],
    ]);
    if ("given" in parts) values.set(parts.given, { value: this.value("given") });
    return values;
  }

  slot({ data, dims }, what) {
    if (what === "values") return this.page.hold(data, dims);
    if (what === "upright") return this.page.hold(data, [dims[0], 1]);
    const [low, high] = data;
    if (what === "ticks") return [low, (low + high) / 2, high];
    if (what === "low") return low;
    if (what === "high") return high;
    const finite = data.filter(Number.isFinite); // "bars": Layer.draw_bars in heatmap.py
    const least = finite.reduce((a, b) => Math.min(a, b), 0);
    const most = finite.length ? finite.reduce((a, b) => Math.max(a, b), 0) : 1;
    const margin = (most - least || 1) * 0.06;
    return [least - margin, most + margin];
  }

  // Marks NaN and infinity, which the gaps of a picture would hide.
  mark(plot, odd, { data, dims }, { marks, cells }) {
    const at = { x: [], y: [], text: [] };
    if (odd > 0) {
      const width = dims.length > 1 ? dims[1] : data.length;
      const [high, wide] = [cells.tile[0] + 1, cells.tile[1] + 1];
      for (let i = 0; i < data.length && at.x.length < 1000; i++) {
        if (Number.isFinite(data[i])) continue;
        const [y, x] = [Math.floor(i / width), i % width];
        const tile = Math.floor(y / high) * cells.columns + Math.floor(x / wide);
        const gap = cells.kind === "mosaic"
          ? y % high === high - 1 || x % wide === wide - 1 || tile >= cells.many
          : i >= cells.many;
        if (gap) continue;
        at.x.push(x);
        at.y.push(cells.kind === "bars" ? 0 : y);
        at.text.push(String(data[i]).replace("Infinity", "inf"));
      }
    }
    for (const [name, values] of Object.entries(at)) plot[`traces.${marks}.${name}`] = values;
    plot[`traces.${marks}.visible`] = at.x.length > 0;
  }

  // The bars of logits and probabilities: Classes and NamedBars in bars.py.
  drawClasses(plot, found, prediction, label) {
    const { fixed, shown, axis, title, titles, colors } = this.plan.classes;
    for (const [place, piece] of Object.entries(fixed)) plot[place] = this.page.pieces[piece];
    const chances = found["answer.probabilities"].data;
    const classes = topClasses(chances, label);
    const rows = classes.map((_, row) => row);
    const names = classes.map((index) => escaped(short(this.plan.names[index])));
    const signs = classes.map((index) => (index === prediction ? "▸" : "") + (index === label ? "✓" : ""));
    const color = classes.map((index) =>
      index === label ? colors.true : index === prediction ? colors.predicted : colors.other);
    const note = classes.length < chances.length ? `${classes.length} of ${counted(chances.length)} classes` : "";
    for (const [name, place] of Object.entries(shown)) {
      if (!place) continue;
      const values = classes.map((index) => found[`answer.${name}`].data[index]);
      const most = values.reduce((a, b) => Math.max(a, Number.isNaN(b) ? 0 : Math.abs(b)), 0);
      const texts = name === "probabilities"
        ? values.map(percent) : values.map((value) => fixedDigits(value, most < 10 ? 3 : 1));
      const trace = `traces.${place.trace}`;
      plot[`${trace}.x`] = values.map((value) => (Number.isFinite(value) ? value : null));
      plot[`${trace}.y`] = rows;
      plot[`${trace}.marker`] = { color };
      plot[`${trace}.hovertext`] = classes.map((index) => escaped(this.plan.names[index]));
      plot[`layout.xaxis${place.axis}.range`] = valueRange(values);
      for (const suffix of new Set([place.axis, place.numbers])) {
        plot[`layout.yaxis${suffix}.range`] = [classes.length - 0.4, -0.6];
        plot[`layout.yaxis${suffix}.tickvals`] = rows;
      }
      plot[`layout.yaxis${place.numbers}.ticktext`] = texts;
    }
    plot[`layout.yaxis${axis}.tickvals`] = rows;
    plot[`layout.yaxis${axis}.ticktext`] = names.map((name, row) => (signs[row] ? `<b>${name} ${signs[row]}</b>` : name));
    plot[`layout.annotations[${title[0]}].text`] = `<b>${titles[0]}</b>${note && `<br>${note}`}`;
    plot[`layout.annotations[${title[1]}].text`] = `<b>${titles[1]}</b>${note && "<br> "}`;
  }

  // --- in words ---------------------------------------------------------------------------------

  badge(found, prediction, label) {
    const badge = (kind, text, detail = "") => {
      const more = detail && ` <span class="fwd-badge-detail">${escaped(detail)}</span>`;
      const sign = { correct: "✓", incorrect: "✗", neutral: "●" }[kind];
      return `<div class="fwd-badge-${kind}"><span class="fwd-badge-sign" aria-hidden="true">${sign}</span> `
        + `<span>${escaped(text)}</span>${more}</div>`;
    };
    if (!this.plan.classes) {
      const value = `value: ${significant(found["answer.output"].data[0])}`;
      return badge("neutral", value, label === null ? "" : `target: ${significant(label)}`);
    }
    if (prediction === null) return badge("neutral", "no answer: the output holds NaN");
    const name = this.plan.names[prediction];
    const probability = found["answer.probabilities"].data[prediction];
    const chance = Number.isFinite(probability) ? percent(probability) : "probability NaN";
    if (label === null) return badge("neutral", `prediction: ${name}`, chance);
    if (label === prediction) return badge("correct", `correct: ${name}`, chance);
    return badge("incorrect", `incorrect: ${name}, really ${this.plan.names[label]}`, chance);
  }

  message(own) {
    return [this.plan.notice, own].filter(Boolean)
      .map((text) => `<div class="fwd-note">${escaped(text)}</div>`).join("");
  }
}

// Resolves when a figure has been drawn, or after three seconds where none can be.
async function painted() {
  const until = performance.now() + 3000;
  while (performance.now() < until && !document.querySelector("[data-revision]")) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
}

const ARRAYS = {
  float32: Float32Array, float64: Float64Array, int64: BigInt64Array, int32: Int32Array,
  uint8: Uint8Array, int8: Int8Array, bool: Uint8Array,
};

// What is odd in the layer that is shown, of a sample of the reader's own.
function sayOdd({ name, size }, odd) {
  return odd ? `${name} gave NaN or infinity in ${counted(odd)} of ${counted(size)} values.` : "";
}

// The classes to draw: top_classes() in outputs.py.
function topClasses(chances, label, most = 16) {
  const all = Array.from(chances, (_, index) => index);
  if (all.length <= most + 4) return all;
  const value = (index) => (Number.isNaN(chances[index]) ? -1 : chances[index]);
  const top = all.sort((a, b) => value(b) - value(a)).slice(0, most);
  return label === null || top.includes(label) ? top : [...top, label];
}

// An axis range that holds zero and all finite values: value_range() in _drawing.py.
function valueRange(values) {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(0, ...finite);
  const high = Math.max(0, ...finite);
  if (low === high) return [0, 1];
  const room = (high - low) * 0.04;
  return [low && low - room, high && high + room];
}

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;").replace(/'/g, "&#x27;");
const short = (name, most = 12) => (name.length <= most ? name : `${name.slice(0, most - 1)}…`);
const counted = (number) => number.toLocaleString("en-US");

// Numbers as Python writes them.
function fixedDigits(value, digits) {
  if (!Number.isFinite(value)) return String(value).replace("Infinity", "inf").replace("NaN", "nan");
  const scaled = value * 10 ** digits;
  const half = Math.abs(scaled % 1) === 0.5 && scaled / 10 ** digits === value; // to the even one
  return half ? (2 * Math.round(scaled / 2) / 10 ** digits).toFixed(digits) : value.toFixed(digits);
}
const percent = (value) => (Number.isFinite(value) ? `${fixedDigits(value * 100, 1)}%` : `${fixedDigits(value)}%`);
const significant = (value) => String(Number(value.toPrecision(6)));
