// The picture of a page until plotly has loaded, which takes a second: the figure's own arrays,
// colours and words, on a canvas, where plotly will put them. What plotly chooses by itself (the
// numbers along an axis of values, and a legend) appears when plotly does.
/** @import { Annotation, Axis, Bars, ColorAxis, Drawn, Font, Heatmap, Layout, Marker, Scatter, Shape, Trace } from "../../widgets/static/types.js" */
import { element } from "./element.js";
import { plainText } from "./markup.js";

/** @typedef {ReturnType<Still["panel"]>} Panel */

/** @param {HTMLElement} stage @param {Drawn} figure */
export function still(stage, { data, layout }) {
  const canvas = element("canvas", { className: "fwd-still" });
  const sharp = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(layout.width * sharp);
  canvas.height = Math.round(layout.height * sharp);
  canvas.style.width = `${layout.width}px`;
  const pen = context(canvas);
  pen.scale(sharp, sharp);
  pen.imageSmoothingEnabled = false;
  new Still(pen, layout).draw(data.filter(({ visible }) => visible === true));
  stage.replaceChildren(canvas);
}

/** @param {HTMLCanvasElement} canvas */
const context = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));

class Still {
  /** @param {CanvasRenderingContext2D} pen @param {Layout} layout */
  constructor(pen, layout) {
    const { l, r, t, b } = layout.margin;
    this.pen = pen;
    this.layout = layout;
    this.left = l;
    this.top = t;
    this.wide = layout.width - l - r;
    this.high = layout.height - t - b;
  }

  /** @param {Trace[]} traces */
  draw(traces) {
    for (const shape of this.layout.shapes ?? []) if (shape.visible) this.backdrop(shape);
    // An axis on which nothing is drawn yet may have no range.
    traces = traces.filter(({ xaxis, yaxis }) => this.axis(xaxis).range && this.axis(yaxis).range);
    /** @type {Map<string, Trace[]>} */
    const panels = new Map();
    for (const trace of traces) {
      const axes = `${trace.xaxis} ${trace.yaxis}`;
      panels.set(axes, [...panels.get(axes) ?? [], trace]);
    }
    for (const beside of panels.values()) {
      const panel = this.panel(beside[0]);
      const bars = beside.filter((trace) => trace.type === "bar");
      for (const trace of beside) {
        if (trace.type === "heatmap") this.heatmap(trace, panel);
        if (trace.type === "bar") this.bars(trace, panel, bars.indexOf(trace), bars.length);
        if (trace.type === "scatter") this.points(trace, panel);
      }
      this.frame(panel);
      this.names(panel);
    }
    for (const title of this.layout.annotations) this.title(title);
  }

  /** @param {string} name */
  axis(name) {
    return /** @type {Axis} */ (this.layout[name.replace(/^[xy]/, "$&axis")]);
  }

  /** Domain of an axis or the one it overlays. @param {Axis} axis @returns {[number, number]} */
  domain({ domain, overlaying }) {
    return domain ?? this.domain(this.axis(/** @type {string} */ (overlaying)));
  }

  /**
   * Where the axes of a trace are, in pixels. Square cells use only what they need, at the top.
   * @param {Pick<Trace, "xaxis" | "yaxis">} trace
   */
  panel({ xaxis, yaxis }) {
    const [x, y] = [this.axis(xaxis), this.axis(yaxis)];
    const [[x0, x1], [y0, y1]] = [x, y].map((axis) => /** @type {[number, number]} */ (axis.range));
    const [columns, rows] = [Math.abs(x1 - x0), Math.abs(y1 - y0)];
    const [[start, end], [bottom, ceiling]] = [x, y].map((axis) => this.domain(axis));
    let left = this.left + this.wide * start;
    let wide = this.wide * (end - start);
    let high = this.high * (ceiling - bottom);
    const top = this.top + this.high * (1 - ceiling);
    if (y.scaleanchor) {
      const cell = Math.min(wide / columns, high / rows);
      left += (wide - cell * columns) / 2;
      wide = cell * columns;
      high = cell * rows;
    }
    /** @param {number} value */
    const atX = (value) => left + (wide * (value - x0)) / (x1 - x0);
    /** @param {number} value */
    const atY = (value) => top + (high * (y1 - value)) / (y1 - y0);
    return { x, y, left, top, wide, high, atX, atY };
  }

  /** @param {Shape} shape */
  backdrop({ xref, yref, fillcolor }) {
    const { left, top, wide, high } = this.panel({ xaxis: xref, yaxis: yref });
    this.pen.fillStyle = fillcolor;
    this.pen.fillRect(left, top, wide, high);
  }

  /** @param {Heatmap} trace @param {Panel} panel */
  heatmap({ z, coloraxis, xgap = 0, ygap = 0, texttemplate, textfont }, panel) {
    const colors = /** @type {ColorAxis} */ (this.layout[coloraxis]);
    const [rows, columns] = [z.length, z[0].length];
    const cells = new ImageData(columns, rows);
    const palette = paletteOf(colors);
    const step = (palette.length - 1) / (colors.cmax - colors.cmin || 1);
    z.forEach((line, row) => line.forEach((value, column) => {
      const color = Math.round((value - colors.cmin) * step);
      if (Number.isFinite(value)) cells.data.set(palette[Math.max(0, Math.min(color, palette.length - 1))], 4 * (row * columns + column));
    }));
    const picture = element("canvas", { width: columns, height: rows });
    context(picture).putImageData(cells, 0, 0);
    this.pen.drawImage(picture, panel.left, panel.top, panel.wide, panel.high);
    for (let row = 1; ygap && row < rows; row++) this.pen.clearRect(panel.left, panel.atY(row - 0.5) - ygap / 2, panel.wide, ygap);
    for (let column = 1; xgap && column < columns; column++) this.pen.clearRect(panel.atX(column - 0.5) - xgap / 2, panel.top, xgap, panel.high);
    if (texttemplate) z.forEach((line, row) => line.forEach((value, column) => {
      if (Number.isFinite(value)) this.text(written(value, texttemplate), panel.atX(column), panel.atY(row), { align: "center", size: textfont?.size });
    }));
    if (colors.showscale) this.scale(colors);
  }

  /** @param {Bars} trace @param {Panel} panel @param {number} number @param {number} count */
  bars({ x, y, orientation, marker }, panel, number, count) {
    const flat = orientation === "h";
    const [values, places] = flat ? [x, y] : [y, x];
    const thick = (1 - this.layout.bargap) / count;
    values.forEach((value, index) => {
      const from = places[index] + thick * (number - count / 2);
      const ends = flat ? [0, value, from, from + thick] : [from, from + thick, 0, value];
      const [left, right] = [panel.atX(ends[0]), panel.atX(ends[1])];
      const [top, bottom] = [panel.atY(ends[2]), panel.atY(ends[3])];
      this.pen.fillStyle = each(marker.color, index);
      this.pen.fillRect(left, top, right - left, bottom - top);
    });
  }

  /** @param {Scatter} trace @param {Panel} panel */
  points({ x, y, mode = "lines", line = {}, marker, text = [], textfont }, panel) {
    /** @type {[number, number][]} */
    const places = Array.from(x, (value, index) => [panel.atX(value), panel.atY(y[index])]);
    if (mode.includes("lines")) {
      this.pen.strokeStyle = line.color ?? "";
      this.pen.lineWidth = line.width ?? 2;
      this.pen.setLineDash(line.dash ? [3, 3] : []);
      this.pen.beginPath();
      for (const place of places) this.pen.lineTo(...place);
      this.pen.stroke();
      this.pen.setLineDash([]);
    }
    if (marker && mode.includes("markers")) places.forEach((place, index) => this.mark(...place, marker, index));
    if (mode.includes("text")) places.forEach(([left, top], index) => this.text(each(text, index), left, top, { align: "center", ...textfont }));
  }

  /** @param {number} left @param {number} top @param {Marker} marker @param {number} index */
  mark(left, top, { color, size, symbol }, index) {
    const corners = SYMBOLS[symbol ?? ""];
    const half = each(size, index) / 2;
    this.pen.fillStyle = each(color, index);
    this.pen.globalAlpha = Array.isArray(size) ? 0.7 : 1; // as plotly has it
    this.pen.beginPath();
    if (corners) for (const [x, y] of corners) this.pen.lineTo(left + half * x, top + half * y);
    else this.pen.arc(left, top, half, 0, 2 * Math.PI);
    this.pen.fill();
    this.pen.globalAlpha = 1;
  }

  /** The line around a panel and, on an axis of values, where zero is. @param {Panel} panel */
  frame({ x, y, left, top, wide, high, atX, atY }) {
    this.pen.lineWidth = 1;
    if (x.visible && x.showline) {
      this.pen.strokeStyle = x.linecolor;
      this.pen.strokeRect(left - 0.5, top - 0.5, wide + 1, high + 1);
    }
    this.pen.fillStyle = x.zerolinecolor ?? y.zerolinecolor;
    if (x.visible && x.zeroline) this.pen.fillRect(Math.round(atX(0) - 0.5), top, 1, high);
    if (y.visible && y.zeroline) this.pen.fillRect(left, Math.round(atY(0) - 0.5), wide, 1);
  }

  /** The names along the axes, if they are given. @param {Panel} panel */
  names({ x, y, left, top, wide, high, atX, atY }) {
    const apart = ({ ticklabelstandoff = 0 }) => 1 + ticklabelstandoff;
    if (y.visible && y.ticktext) y.ticktext.forEach((name, index) => {
      const [at, align] = y.side === "right" ? [left + wide + apart(y), "left"] : [left - apart(y), "right"];
      this.text(name, at, atY(y.tickvals[index]), { align, ...y.tickfont });
    });
    if (x.visible && x.ticktext) x.ticktext.forEach((name, index) => {
      this.text(name, atX(x.tickvals[index]), top + high + apart(x) + 6, { align: x.tickangle ? "right" : "center", turn: x.tickangle, ...x.tickfont });
    });
  }

  /** Draws a colour scale: below its panel or, if upright, beside it. @param {ColorAxis} colors */
  scale({ colorbar, colorscale, cmin, cmax }) {
    const flat = colorbar.orientation === "h";
    const long = colorbar.len * (flat ? this.wide : this.high);
    const left = this.left + this.wide * colorbar.x + (flat ? -long / 2 : colorbar.xpad);
    const top = this.top + this.high * (1 - colorbar.y) + (flat ? colorbar.ypad : -long / 2);
    /** @type {[number, number]} */
    const size = flat ? [long, colorbar.thickness] : [colorbar.thickness, long];
    const ramp = flat ? this.pen.createLinearGradient(left, 0, left + long, 0) : this.pen.createLinearGradient(0, top + long, 0, top);
    for (const [place, color] of colorscale) ramp.addColorStop(place, color);
    this.pen.fillStyle = ramp;
    this.pen.fillRect(left, top, ...size);
    this.pen.strokeStyle = colorbar.outlinecolor;
    this.pen.strokeRect(left, top, ...size);
    for (const value of colorbar.tickvals) {
      const at = (long * (value - cmin)) / (cmax - cmin);
      /** @type {[number, number]} */
      const where = flat ? [left + at, top + size[1] + 11] : [left + size[0] + 5, top + long - at];
      this.text(String(Number(value.toPrecision(3))).replace("-", "−"), ...where, { align: flat ? "center" : "left", ...colorbar.tickfont });
    }
  }

  /** @param {Annotation} title */
  title({ text, x, y, font, yshift }) {
    const left = this.left + this.wide * x;
    const bottom = this.top + this.high * (1 - y) - yshift;
    const lines = text.split("<br>");
    lines.forEach((line, index) => {
      this.text(line, left + 2, bottom - 10 - 1.3 * font.size * (lines.length - 1 - index), { align: "left", ...font });
    });
  }

  /**
   * Writes words at a place, centred vertically; bold ones are in plotly's markup.
   * @param {string} words
   * @param {number} left
   * @param {number} top
   * @param {Font & { align: string, turn?: number }} look
   */
  text(words, left, top, { align, size = this.layout.font.size, color = this.layout.font.color, turn = 0 }) {
    const parts = words.split(/(?=<b>)|<\/b>/).map((part) => ({ bold: part.startsWith("<b>"), part: plainText(part.replace("<b>", "")) }));
    /** @param {boolean} bold */
    const font = (bold) => { this.pen.font = `${bold ? "bold " : ""}${size}px ${this.layout.font.family}`; };
    const wide = parts.map(({ bold, part }) => {
      font(bold);
      return this.pen.measureText(part).width;
    });
    const total = wide.reduce((a, b) => a + b, 0);
    this.pen.save();
    this.pen.translate(left, top);
    this.pen.rotate((turn * Math.PI) / 180);
    this.pen.fillStyle = color;
    this.pen.textBaseline = "middle";
    let at = align === "right" ? -total : align === "center" ? -total / 2 : 0;
    parts.forEach(({ bold, part }, index) => {
      font(bold);
      this.pen.fillText(part, at, 0);
      at += wide[index];
    });
    this.pen.restore();
  }
}

// Corners of a mark whose half size is 1; a mark without corners is round.
/** @type {{ [symbol: string]: [number, number][] | undefined }} */
const SYMBOLS = {
  diamond: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
  "triangle-up": [[-1.15, 0.5], [0, -1], [1.15, 0.5]],
  x: [[0, -0.57], [0.57, -1.13], [1.13, -0.57], [0.57, 0], [1.13, 0.57], [0.57, 1.13], [0, 0.57], [-0.57, 1.13],
    [-1.13, 0.57], [-0.57, 0], [-1.13, -0.57], [-0.57, -1.13]],
};

/**
 * The item of a list at an index; a value that is no list holds for every index.
 * @template Item
 * @param {Item | Item[]} value
 * @param {number} index
 */
const each = (value, index) => (Array.isArray(value) ? value[index] : value);

/**
 * A number as a template such as "%{z:.2f}" writes it.
 * @param {number} value @param {string} template
 */
export function written(value, template) {
  const [, digits, kind] = /:(?:\.(\d+))?([fd%])/.exec(template) ?? [];
  const number = kind === "%" ? value * 100 : value;
  return number.toFixed(Number(digits ?? 0)) + (kind === "%" ? "%" : "");
}

/**
 * A colour scale of "#rrggbb" in 256 colours, each as red, green, blue and opacity.
 * @param {Pick<ColorAxis, "colorscale">} colors
 */
export function paletteOf({ colorscale }) {
  const bytes = colorscale.map(([, color]) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, number) => {
    const place = number / 255;
    const above = Math.max(1, colorscale.findIndex(([end]) => end >= place));
    const [from, to] = [colorscale[above - 1][0], colorscale[above][0]];
    return [0, 1, 2].map((at) => {
      const [low, high] = [bytes[above - 1][at], bytes[above][at]];
      return Math.round(low + ((place - from) / (to - from)) * (high - low));
    }).concat(255);
  });
}
