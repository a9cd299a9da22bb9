// A forward pass that runs in the page: onnxruntime computes what PyTorch's graphs say, the answer,
// how a layer is laid out, every range; here it is put where the figure wants it.

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
    this.samples = this.plan.samples.map(({ input, label }) =>
      this.sample(this.tensor(input, this.plan.shape), label));
    this.weights = this.plan.weights.map(({ feeds }) =>
      Object.fromEntries(Object.entries(feeds).map(([name, tree]) => [name, this.tensor(tree, tree.shape)])));
    await this.feeds(); // what it transforms once
  }

  begin(model) {
    return this.ort.InferenceSession.create(model, {
      executionProviders: ["wasm"],
      logSeverityLevel: 3, // what it could not fold into a constant is no error
    });
  }

  // Lays a value out, or transforms kernels: what a small graph makes of one value.
  async picture({ graph, outputs }, value) {
    if (graph === undefined) return {};
    if (!this.pictures.has(graph)) {
      this.pictures.set(graph, await this.begin(this.page.buffer(this.plan.graphs[graph].buffer)));
    }
    return this.pictures.get(graph).run({ value }, outputs);
  }

  // What the network takes of a sample.
  sample(batch, label) {
    return { batch, label: new this.ort.Tensor("int64", [BigInt(label)], []) };
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
      this.own = this.sample(new this.ort.Tensor("float32", numbers, this.plan.shape), -1);
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

  async feeds(sample = this.own ?? this.samples[this.value0("sample")]) {
    const set = this.weights[this.weightsNumber];
    for (const [name, transform] of Object.entries(this.plan.kernels)) {
      set[name] ??= (await this.picture(transform, set[transform.weight])).kernels;
    }
    const all = { ...sample, ...set };
    return Object.fromEntries(this.plan.inputs.map((name) => [name, all[name]]));
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
    const { input, layers, answers } = this.plan;
    const layer = layers[this.value0("layer")];
    const shown = layer.pages[this.value0("page")];
    const step = `steps.${layer.name}`;
    const feeds = await this.feeds();
    const found = await this.session.run(feeds, [...answers, step]);
    const pictures = [await this.picture(input, feeds.batch), await this.picture(shown, found[step])];
    if (turn !== this.turn) return; // another move came meanwhile
    this.page.held = [];
    this.page.give(this.draw(found, pictures, layer, shown));
  }

  async findWrong(number, step) {
    await this.ready;
    if (!this.plan.classes) return null;
    const start = this.value0("sample");
    const many = this.samples.length;
    this.own = null;
    for (let count = 1; count < many; count++) {
      const index = (start + step * count + many * count) % many;
      const { label } = this.plan.samples[index];
      const name = "answer.prediction";
      const found = await this.alone(async () => this.session.run(await this.feeds(this.samples[index]), [name]));
      const prediction = Number(found[name].data[0]);
      if (label >= 0 && prediction >= 0 && prediction !== label) return this.move(number, index);
    }
    return null;
  }

  // --- draw -------------------------------------------------------------------------------------

  draw(found, pictures, layer, shown) {
    const { input, parts, weights, told } = this.plan;
    const sample = this.own ? { label: -1, target: "" } : this.plan.samples[this.value0("sample")];
    const set = weights[this.weightsNumber];
    const chosen = `${this.own ? "your own sample" : `sample ${sample.index}`}, ${set.words}`;
    const plot = { label: `${chosen}: input, ${layer.name}, answer`, old: false };
    [input, shown].forEach(({ fixed, slots }, index) => {
      this.pieces(plot, fixed);
      for (const [place, output, what] of slots) plot[place] = this.slot(pictures[index][output], what);
    });
    this.mark(plot, pictures[1], shown.marks);
    if (this.plan.classes) this.drawClasses(plot, found, sample.label);
    const odd = Number(pictures[1].odd?.data[0] ?? 0);
    const note = !this.own ? told[`${this.value0("sample")},${this.weightsNumber}`] : odd && layer.odd.replace("{odd}", counted(odd));
    const values = new Map([
      [parts.plot, plot],
      [parts.badge, { value: this.badge(found, sample) }],
      [parts.status, { value: set.status }],
      [parts.message, { value: this.message(note) }],
      [parts.table, { chosen: layer.name }],
      [parts.layer, { index: this.value0("layer") }],
      [parts.page, { hidden: layer.pages.length < 2 }],
    ]);
    if ("given" in parts) values.set(parts.given, { value: this.value("given") });
    return values;
  }

  pieces(plot, fixed) {
    for (const [place, piece] of Object.entries(fixed)) plot[place] = this.page.pieces[piece];
  }

  slot({ data, dims }, what) {
    if (what === "array") return this.page.hold(data, dims);
    return what === "list" ? Array.from(data) : data[what];
  }

  // Lists the cells that hold NaN or infinity.
  mark(plot, { odd, marks, picture }, trace) {
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

  // The bars of logits and probabilities.
  drawClasses(plot, found, label) {
    const { drawn, panels, axis, short, full, colors, signs } = this.plan.classes;
    const prediction = Number(found["answer.prediction"].data[0]);
    const classes = Array.from(found["answer.classes"].data, Number).filter((index) => index >= 0);
    const roles = classes.map((index) => Number(index === prediction) + 2 * Number(index === label));
    const digits = Number(found["answer.logits.digits"]?.data[0]);
    const texts = { logits: (value) => fixed(value, digits), probabilities: percent };
    this.pieces(plot, drawn[classes.length]);
    for (const { name, trace, axis: suffix, at } of panels) {
      const values = found[`answer.${name}`].data.subarray(0, classes.length);
      plot[`traces.${trace}.x`] = this.page.hold(values, [classes.length]);
      plot[`traces.${trace}.marker`] = { color: roles.map((role) => colors[role]) };
      plot[`traces.${trace}.hovertext`] = classes.map((index) => full[index]);
      plot[`layout.xaxis${suffix}.range`] = Array.from(found[`answer.${name}.range`].data);
      plot[`layout.yaxis${at}.ticktext`] = Array.from(values, texts[name]);
    }
    plot[`layout.yaxis${axis}.ticktext`] = classes.map((index, row) =>
      (signs[roles[row]] ? `<b>${short[index]} ${signs[roles[row]]}</b>` : short[index]));
  }

  // --- in words ---------------------------------------------------------------------------------

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

  message(note) {
    return [this.plan.notice, note].filter(Boolean)
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

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;").replace(/'/g, "&#x27;");

// A text with words in braces, each replaced by what it stands for, as text.
const filled = (text, words) => text.replace(/\{(\w+)\}/g, (_, word) => escaped(words[word]));
