// A forward pass that runs in the page. onnxruntime computes PyTorch's graphs: the answer, the
// layout of each layer, every range. This module puts the results where the figure wants them.
/** @import { Bytes, PackedArray } from "../../widgets/static/types.js" */
/** @import { Engine, Ort, PageData, Picture, Plan, Session, Tensor, Tensors } from "./types.js" */
/** @import { Page } from "./page.js" */
import { Drawing } from "./drawing.js";
import { imported, unpacked } from "./files.js";

/** @typedef {{ batch: Tensor, label: Tensor }} Fed */

/** @implements {Engine} */
export class Network {
  /**
   * @param {Plan} plan
   * @param {PageData} data
   * @param {Page} page
   */
  constructor(plan, data, page) {
    this.plan = plan;
    this.page = page;
    this.drawing = new Drawing(plan, { hold: (numbers, shape) => page.arrays.hold(numbers, shape), pieces: data.pieces });
    this.controls = this.plan.controls;
    this.vector = this.controls.map(({ now }) => now);
    this.recorded = data.base;
    /** @type {Fed | null} */
    this.own = null; // a sample of the reader's own
    this.turn = 0; // counts moves: the latest wins
    /** @type {Map<number, Session>} */
    this.pictures = new Map();
    /** @type {Fed[]} */
    this.samples = [];
    /** @type {Tensors[]} */
    this.weights = [];
    /** @type {Promise<unknown>} */
    this.queue = Promise.resolve();
    /** @type {Promise<void>} */
    this.running = Promise.resolve();
    /** @type {Promise<void>} */
    this.ready = Promise.resolve();
    // These two are set once `ready` resolves.
    this.ort = /** @type {Ort} */ (/** @type {unknown} */ (null));
    this.session = /** @type {Session} */ (/** @type {unknown} */ (null));
  }

  start() {
    this.ready = painted().then(() => this.open()); // the recorded picture first
    this.ready.catch((error) => this.page.fail(error));
    return this.recorded;
  }

  async open() {
    const [code, wasm, model] = await Promise.all(["ort", "wasm", "model"].map(unpacked));
    this.ort = /** @type {Ort} */ (await imported([code]));
    this.ort.env.wasm.numThreads = 1;
    this.ort.env.wasm.wasmBinary = wasm;
    this.session = await this.begin(model);
    this.samples = this.plan.samples.map(({ input, label }) =>
      this.sample(this.tensor(input, this.plan.shape), label));
    this.weights = this.plan.weights.map(({ feeds }) =>
      Object.fromEntries(Object.entries(feeds).map(([name, tree]) => [name, this.tensor(tree, tree.shape)])));
    await this.feeds(); // what it transforms once
  }

  /** @param {Bytes} model */
  begin(model) {
    return this.ort.InferenceSession.create(model, {
      executionProviders: ["wasm"],
      logSeverityLevel: 3, // what it could not fold into a constant is no error
    });
  }

  /**
   * Runs a small graph on one value: it lays a value out, or transforms kernels.
   * @param {Pick<Picture, "graph" | "outputs">} drawing
   * @param {Tensor} value
   * @returns {Promise<Tensors>}
   */
  async picture({ graph, outputs }, value) {
    if (graph === undefined) return {};
    const session = this.pictures.get(graph) ?? await this.begin(this.page.arrays.bytes(this.plan.graphs[graph].buffer));
    this.pictures.set(graph, session);
    return session.run({ value }, outputs);
  }

  /** The inputs of the network for a sample. @param {Tensor} batch @param {number} label */
  sample(batch, label) {
    return { batch, label: new this.ort.Tensor("int64", [BigInt(label)], []) };
  }

  /** @param {PackedArray} array @param {readonly number[]} shape */
  tensor({ buffer, dtype }, shape) {
    const bytes = this.page.arrays.bytes(buffer);
    const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    return new this.ort.Tensor(dtype, new ARRAYS[dtype](own), shape);
  }

  // --- state ------------------------------------------------------------------------------------

  /** @param {string} name */
  number(name) {
    return this.controls.findIndex((control) => control.name === name);
  }

  /** @param {string} name */
  value(name) {
    const number = this.number(name);
    return number < 0 ? undefined : this.controls[number].values[this.vector[number]];
  }

  /** @param {string} name @param {number} id */
  put(name, id) {
    if (this.number(name) >= 0) this.vector[this.number(name)] = id;
  }

  get weightsNumber() {
    if (this.value("given")) return this.plan.weights.length - 1;
    return this.vector[this.number("seed") >= 0 ? this.number("seed") : this.number("epoch")];
  }

  /** @param {number} number */
  stops(number) {
    return this.controls[number].values.map((_, id) => id);
  }

  leads() {
    return true;
  }

  /** @param {number} number @param {number} id @returns {boolean} */
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

  /**
   * Runs the network on numbers that the reader gave.
   * @param {Float32Array<ArrayBuffer>} numbers
   */
  runOwn(numbers) {
    this.running = this.ready.then(() => {
      this.own = this.sample(new this.ort.Tensor("float32", numbers, this.plan.shape), -1);
      return this.run();
    });
    this.running.catch((error) => this.page.fail(error));
  }

  /** @param {string} name */
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
    /** @type {Tensors} */
    const all = { ...sample, ...set };
    return Object.fromEntries(this.plan.inputs.map((name) => [name, all[name]]));
  }

  /**
   * One task at a time: onnxruntime does not run two sessions at once.
   * @template Result
   * @param {() => Result | Promise<Result>} task
   * @returns {Promise<Result>}
   */
  alone(task) {
    const done = this.queue.catch(() => {}).then(() => this.ready).then(task);
    this.queue = done;
    return done;
  }

  run() {
    const turn = ++this.turn;
    return this.alone(() => (turn === this.turn ? this.compute(turn) : undefined));
  }

  /** @param {number} turn */
  async compute(turn) {
    const { input, layers, answers } = this.plan;
    const layer = layers[this.value0("layer")];
    const shown = layer.pages[this.value0("page")];
    const step = `steps.${layer.name}`;
    const feeds = await this.feeds();
    const found = await this.session.run(feeds, [...answers, step]);
    const pictures = [await this.picture(input, feeds.batch), await this.picture(shown, found[step])];
    if (turn !== this.turn) return; // another move has come since
    this.page.arrays.release();
    this.page.give(this.drawing.draw(found, pictures, {
      own: this.own !== null,
      sample: this.value0("sample"),
      weights: this.weightsNumber,
      given: this.value("given"),
      layer: this.value0("layer"),
      page: this.value0("page"),
    }));
  }

  /** @param {number} number @param {number} step */
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
}

// Resolves when a figure has been drawn, or after three seconds if none can be.
async function painted() {
  const until = performance.now() + 3000;
  while (performance.now() < until && !document.querySelector("[data-revision]")) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
}

/** @type {{ [dtype: string]: new (bytes: ArrayBuffer) => ArrayLike<number> | ArrayLike<bigint> }} */
const ARRAYS = {
  float32: Float32Array, float64: Float64Array, int64: BigInt64Array, int32: Int32Array,
  uint8: Uint8Array, int8: Int8Array, bool: Uint8Array,
};
