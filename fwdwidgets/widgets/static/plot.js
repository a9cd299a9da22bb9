// Draws a plotly figure and redraws what changed in it. It assigns arrays and computes only the
// names of a mosaic's cells, which would cost more to send than to count.
/** @import { Axis, Buffers, Drawn, Figure, Layout, Matrix, Message, Model, Mosaic, PackedArray, Patch, Place, PlotState, Plotly, Stage, Trace, Tree, TypedArray } from "./types.js" */

/** @type {{ [dtype: string]: new (bytes: ArrayBuffer) => TypedArray }} */
const TYPES = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, int16: Int16Array,
  int32: Int32Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array,
};

/**
 * The inverse of pack() in shared/plot.py: a matrix becomes an array of typed rows in one buffer.
 * @param {unknown} tree @param {Buffers} buffers @returns {unknown}
 */
function unpack(tree, buffers) {
  if (Array.isArray(tree)) return tree.map((value) => unpack(value, buffers));
  if (tree === null || typeof tree !== "object") return tree;
  if ("buffer" in tree && "dtype" in tree) {
    const { buffer, dtype, shape } = /** @type {PackedArray} */ (tree);
    const view = buffers[buffer];
    const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
    return rows(new TYPES[dtype](bytes), shape);
  }
  return Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, unpack(v, buffers)]));
}

/** @param {TypedArray} flat @param {number[]} shape @returns {TypedArray | unknown[]} */
function rows(flat, shape) {
  if (shape.length < 2) return flat;
  const size = flat.length / shape[0] || 0;
  return Array.from({ length: shape[0] }, (_, i) =>
    rows(/** @type {TypedArray} */ (flat.subarray(i * size, (i + 1) * size)), shape.slice(1)));
}

/**
 * Assigns one property by its dotted path: "coloraxis2.cmin", "annotations[1].text".
 * @param {any} target objects and lists of any depth
 * @param {string} path
 * @param {unknown} value
 */
function assign(target, path, value) {
  const keys = path.replace(/\[(\d+)\]/g, ".$1").split(".");
  const last = /** @type {string} */ (keys.pop());
  for (const key of keys) target = target[key] ??= {};
  target[last] = value;
}

/** @type {Map<string, unknown>} */
const named = new Map();

/**
 * Channel, row and column of each cell, as hover shows them: hover_cells() in figures.
 * @param {Mosaic} mosaic
 */
function hoverCells({ kind, tile, tiles, first }) {
  const key = JSON.stringify([kind, tile, tiles, first]);
  if (!named.has(key)) {
    if (named.size > 32) named.clear();
    const [height, width] = tile;
    const gap = kind === "strip" ? 0 : 1;
    /** @template Item @param {number} n @param {(i: number) => Item} make */
    const line = (n, make) => Array.from({ length: n }, (_, i) => make(i));
    named.set(key, line(tiles[0] * (height + gap) - gap, (y) =>
      line(tiles[1] * (width + gap) - gap, (x) => kind === "strip" ? first[2] + y * width + x : [
        first[0] + Math.floor(y / (height + 1)) * tiles[1] + Math.floor(x / (width + 1)),
        first[1] + (y % (height + 1)), first[2] + (x % (width + 1))])));
  }
  return named.get(key);
}

/**
 * plotly is sent once per kernel, as gzip, and imported once per page. `module` keeps it away from
 * an AMD loader that the page may have.
 * @param {Model<PlotState>} model
 * @returns {Promise<Plotly>}
 */
async function loadPlotly(model) {
  return (globalThis.__fwdwidgets_plotly ??= (async () => {
    const holder = /** @type {Model<{ code: DataView<ArrayBuffer> }>} */ (await model.widget_manager.get_model(model.get("_library").slice("IPY_MODEL_".length)));
    const packed = new Blob([holder.get("code")]).stream();
    const code = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text();
    const wrapped = ["const module = { exports: {} }, define = undefined;\n", code, "\nexport default module.exports;"];
    const url = URL.createObjectURL(new Blob(wrapped, { type: "text/javascript" }));
    try {
      return (await import(url)).default;
    } finally {
      URL.revokeObjectURL(url);
    }
  })());
}

/** @param {Tree} tree @param {Buffers} buffers */
function whole(tree, buffers) {
  const figure = /** @type {Figure} */ (unpack(tree, buffers));
  for (const trace of figure.data) if (trace.meta?.tile) trace.customdata = hoverCells(trace.meta);
  return figure;
}

// Properties of a trace that plotly updates in place; any other is drawn again.
// `meta` of a matrix is not one of them: when it changes, so does the size of the printed numbers.
const VALUES = new Set(["x", "y", "z", "text", "hovertext", "marker", "texttemplate", "hovertemplate", "meta", "customdata"]);

const AT_ONCE = { mode: "immediate", frame: { duration: 0, redraw: false }, transition: { duration: 0 } };

const LEAST_TEXT = 9;
const LARGEST_TEXT = 12;

/**
 * The size of the numbers in the cells of a matrix, in pixels; 0 where they would be too small to
 * read. plotly's own guess takes a letter to be as wide as it is high, and draws even 3 pixels.
 * @param {Trace} trace
 * @param {Matrix} meta
 * @param {Layout} layout
 */
function textSize({ xaxis, yaxis }, meta, layout) {
  /** @param {string} axis @param {"width" | "height"} from @param {number} to @param {number} count */
  const room = (axis, from, to, count) => {
    const { domain: [low, high] } = /** @type {Required<Axis>} */ (layout[axis.replace(/^[xy]/, "$&axis")]);
    return ((layout[from] - to) * (high - low)) / count;
  };
  const { l, r, t, b } = layout.margin;
  const wide = (room(xaxis, "width", l + r, meta.cells[1]) - 3) / (0.6 * meta.letters);
  const high = room(yaxis, "height", t + b, meta.cells[0]) / 1.2;
  const size = Math.floor(Math.min(wide, high, LARGEST_TEXT));
  return size >= LEAST_TEXT ? size : 0;
}

function isDark() {
  const light = document.body.dataset.jpThemeLight;
  return light ? light === "false" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * Traces and layout for a width, in the form that plotly takes; plotly keeps and changes them.
 * @param {Figure} figure
 * @param {number} width
 * @returns {Drawn}
 */
function laidOut(figure, width) {
  const layout = { ...structuredClone(figure.layout), width };
  const from = Object.keys(figure.views).map(Number).filter((least) => least <= width);
  for (const patch of [figure.views[Math.max(...from)], figure.themes[isDark() ? "dark" : "light"]]) {
    for (const [path, value] of Object.entries(patch)) assign(layout, path, value);
  }
  const data = figure.data.map((trace) => {
    const { meta, texttemplate } = trace;
    if (!meta || !("letters" in meta) || !meta.letters || !texttemplate) return { ...trace };
    const size = textSize(trace, meta, layout);
    return size ? { ...trace, textfont: { size } } : { ...trace, texttemplate: "" };
  });
  return { data, layout };
}

/**
 * `still` draws the figure of a page until plotly has loaded.
 * @param {Place<PlotState> & { still?: (stage: HTMLElement, drawn: Drawn) => void }} place
 */
async function render({ model, el, signal, still }) {
  el.classList.add("fwd-plot");
  /** @type {Plotly | null} */
  let Plotly = null;
  const first = model.get("_shown");
  let figure = whole(first.tree, first.buffers);
  let width = 0;
  let scheduled = false;
  /** @type {{ traces: { [number: string]: Patch }, layout: Patch }} */
  let changes = { traces: {}, layout: {} }; // since the last draw
  let anew = true; // whether more than values has changed
  let moving = false; // whether plotly is about to end a move of points
  const stage = /** @type {Stage} */ (/** @type {unknown} */ (document.createElement("div")));
  stage.setAttribute("role", "img");
  el.append(stage);

  /** @param {PlotState["_shown"]} shown */
  function take({ tree, buffers }) {
    figure = whole(tree, buffers);
    anew = true;
  }

  function draw() {
    scheduled = false;
    if (!width || signal?.aborted) return;
    stage.setAttribute("aria-label", figure.label);
    if (!Plotly) {
      still?.(stage, laidOut(figure, width));
      return;
    }
    if (anew) drawAll(Plotly);
    else drawChanges(Plotly);
    changes = { traces: {}, layout: {} };
    anew = false;
    stage.dataset.revision = String(figure.revision);
  }

  /** @param {Plotly} plotly */
  function drawAll(plotly) {
    const { data, layout } = laidOut(figure, width);
    const fresh = !stage.data;
    if (fresh) stage.replaceChildren();
    // On an axis that keeps cells square, plotly takes a shorter range for a zoom and would restore
    // the longer one that it remembers.
    for (const axis of Object.values(stage._fullLayout ?? {})) if (axis?._inputRange) axis._inputRange = null;
    plotly.react(stage, data, layout, figure.config);
    if (fresh) stage.on("plotly_click", ({ points: [point] }) => {
      model.send({ kind: "click", trace: point.curveNumber, x: point.x, y: point.y });
    });
  }

  /**
   * Passing only what changed saves plotly from comparing the rest. When it plots numbers again it
   * draws the annotations too; if their texts were passed as well, it would draw them twice.
   * @param {Plotly} plotly
   */
  function drawChanges(plotly) {
    const numbers = Object.keys(changes.traces).map(Number);
    const onlyRanges = Object.keys(changes.layout).every((path) => path.endsWith(".range"));
    if (!moving && onlyRanges && onlyPoints()) {
      movePoints(plotly, numbers);
      return;
    }
    const names = new Set(numbers.flatMap((number) => Object.keys(changes.traces[number])));
    /** @type {Patch} */
    const values = {};
    for (const name of names) values[name] = numbers.map((number) => changes.traces[number][name]);
    const layout = { ...changes.layout };
    if (["x", "y", "z"].some((name) => names.has(name))) {
      for (const path of Object.keys(layout)) {
        if (!path.startsWith("annotations[")) continue;
        assign(stage.layout, path, layout[path]);
        delete layout[path];
      }
    }
    plotly.update(stage, values, layout, numbers);
  }

  // Otherwise plotly would erase what another panel, or another kind of trace, has drawn.
  const onlyPoints = () => figure.data.every(({ type }) => type === "scatter")
    && new Set(figure.data.map(({ xaxis, yaxis }) => `${xaxis} ${yaxis}`)).size === 1;

  /**
   * Points move in half the time when titles and the rest around them are not drawn again. A move
   * that starts before plotly has ended the last waits in its queue and overwrites a newer picture.
   * @param {Plotly} plotly @param {number[]} numbers
   */
  function movePoints(plotly, numbers) {
    if (Object.keys(changes.layout).length) plotly.relayout(stage, changes.layout);
    if (!numbers.length) return;
    moving = true;
    const data = numbers.map((number) => changes.traces[number]);
    const ended = () => { moving = false; };
    plotly.animate(stage, { data, traces: numbers }, AT_ONCE).then(ended, ended);
  }

  // Draws one task later, so that changes are merged: the latest wins. That task comes before
  // messages that change tables and badges, since plotly would measure the page again after each.
  // For browsers without priorities there is a channel: unlike a timer, it has no minimum delay.
  const channel = new MessageChannel();
  channel.port1.onmessage = draw;
  function schedule() {
    if (scheduled) return;
    scheduled = true;
    if (globalThis.scheduler?.postTask) globalThis.scheduler.postTask(draw, { priority: "user-blocking" });
    else channel.port2.postMessage(null);
  }

  /** @param {Message} message @param {Buffers} buffers */
  function receive(message, buffers) {
    if (message.kind === "whole") take({ tree: message.tree, buffers });
    else {
      if (message.revision <= figure.revision) return;
      const traces = /** @type {{ [number: string]: Partial<Trace> }} */ (unpack(message.traces, buffers));
      for (const [number, properties] of Object.entries(traces)) {
        const { meta } = properties;
        if (meta?.tile) properties.customdata = hoverCells(meta);
        Object.assign(figure.data[Number(number)], properties);
        Object.assign((changes.traces[number] ??= {}), properties);
        const resized = meta && !meta.tile;
        if (resized || Object.keys(properties).some((name) => !VALUES.has(name))) anew = true;
      }
      for (const [path, value] of Object.entries(/** @type {Patch} */ (unpack(message.layout, buffers)))) {
        assign(figure.layout, path, value);
        changes.layout[path] = value;
        if (typeof value === "boolean") anew = true; // something comes or goes
      }
      figure.revision = message.revision;
      figure.label = message.label;
    }
    schedule();
  }

  const age = () => el.classList.toggle("fwd-old", model.get("old"));
  model.on("change:old", age);
  age();
  model.on("msg:custom", receive);
  const renew = () => { // until the kernel knows that this page is open
    take(model.get("_shown"));
    schedule();
  };
  model.on("change:_shown", renew);
  const redraw = () => {
    anew = true;
    schedule();
  };
  const size = new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now === width) return;
    width = now;
    redraw();
  });
  size.observe(el);
  const theme = new MutationObserver(() => { // at once: a page may be about to be printed
    anew = true;
    draw();
  });
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", redraw);
  model.send({ kind: "ready", revision: figure.revision });
  const loaded = await loadPlotly(model);
  Plotly = loaded;
  draw();

  return () => {
    model.off("msg:custom", receive);
    model.off("change:_shown", renew);
    model.off("change:old", age);
    channel.port1.close();
    size.disconnect();
    theme.disconnect();
    system.removeEventListener("change", redraw);
    loaded.purge(stage);
  };
}

export default { render, unpack, assign, hoverCells };
