// The picture of a page until plotly is there, which takes a second to load: the figure's own arrays,
// colours and words, where plotly will have them, on a canvas. What plotly chooses by itself, the
// numbers along an axis of values and a legend, comes with it.

function still(stage, { data, layout }) {
  const canvas = element("canvas", { className: "fwd-still" });
  const sharp = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(layout.width * sharp);
  canvas.height = Math.round(layout.height * sharp);
  canvas.style.width = `${layout.width}px`;
  const pen = canvas.getContext("2d");
  pen.scale(sharp, sharp);
  pen.imageSmoothingEnabled = false;
  new Still(pen, layout).draw(data.filter(({ visible }) => visible === true));
  stage.replaceChildren(canvas);
}

class Still {
  constructor(pen, layout) {
    const { l, r, t, b } = layout.margin;
    this.pen = pen;
    this.layout = layout;
    this.left = l;
    this.top = t;
    this.wide = layout.width - l - r;
    this.high = layout.height - t - b;
  }

  draw(traces) {
    for (const shape of this.layout.shapes ?? []) if (shape.visible) this.backdrop(shape);
    // An axis on which nothing is drawn yet may have no range.
    traces = traces.filter(({ xaxis, yaxis }) => this.axis(xaxis).range && this.axis(yaxis).range);
    const panels = new Map(traces.map((trace) => [`${trace.xaxis} ${trace.yaxis}`, []]));
    for (const trace of traces) panels.get(`${trace.xaxis} ${trace.yaxis}`).push(trace);
    for (const beside of panels.values()) {
      const panel = this.panel(beside[0]);
      const bars = beside.filter(({ type }) => type === "bar");
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

  axis(name) {
    return this.layout[name.replace(/^[xy]/, "$&axis")];
  }

  // Where the axes of a trace are, in pixels. Square cells take what they need of it, at the top.
  panel({ xaxis, yaxis }) {
    const [x, y] = [this.axis(xaxis), this.axis(yaxis)];
    const span = ({ range }) => Math.abs(range[1] - range[0]);
    const [[left, right], [bottom, top]] = [x, y].map((axis) => axis.domain ?? this.axis(axis.overlaying).domain);
    const panel = { x, y, wide: this.wide * (right - left), high: this.high * (top - bottom) };
    panel.left = this.left + this.wide * left;
    panel.top = this.top + this.high * (1 - top);
    if (y.scaleanchor) {
      const cell = Math.min(panel.wide / span(x), panel.high / span(y));
      panel.left += (panel.wide - cell * span(x)) / 2;
      panel.wide = cell * span(x);
      panel.high = cell * span(y);
    }
    panel.atX = (value) => panel.left + (panel.wide * (value - x.range[0])) / (x.range[1] - x.range[0]);
    panel.atY = (value) => panel.top + (panel.high * (y.range[1] - value)) / (y.range[1] - y.range[0]);
    return panel;
  }

  backdrop({ xref, yref, fillcolor }) {
    const { left, top, wide, high } = this.panel({ xaxis: xref, yaxis: yref });
    this.pen.fillStyle = fillcolor;
    this.pen.fillRect(left, top, wide, high);
  }

  heatmap({ z, coloraxis, xgap = 0, ygap = 0, texttemplate, textfont }, panel) {
    const colors = this.layout[coloraxis];
    const [rows, columns] = [z.length, z[0].length];
    const cells = new ImageData(columns, rows);
    const palette = paletteOf(colors);
    const step = (palette.length - 1) / (colors.cmax - colors.cmin || 1);
    z.forEach((line, row) => line.forEach((value, column) => {
      const color = Math.round((value - colors.cmin) * step);
      if (Number.isFinite(value)) cells.data.set(palette[Math.max(0, Math.min(color, palette.length - 1))], 4 * (row * columns + column));
    }));
    const picture = element("canvas", { width: columns, height: rows });
    picture.getContext("2d").putImageData(cells, 0, 0);
    this.pen.drawImage(picture, panel.left, panel.top, panel.wide, panel.high);
    for (let row = 1; ygap && row < rows; row++) this.pen.clearRect(panel.left, panel.atY(row - 0.5) - ygap / 2, panel.wide, ygap);
    for (let column = 1; xgap && column < columns; column++) this.pen.clearRect(panel.atX(column - 0.5) - xgap / 2, panel.top, xgap, panel.high);
    if (texttemplate) z.forEach((line, row) => line.forEach((value, column) => {
      if (Number.isFinite(value)) this.text(written(value, texttemplate), panel.atX(column), panel.atY(row), { align: "center", size: textfont.size });
    }));
    if (colors.showscale) this.scale(colors);
  }

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

  points({ x, y, mode = "lines", line = {}, marker = {}, text, textfont }, panel) {
    const places = Array.from(x, (value, index) => [panel.atX(value), panel.atY(y[index])]);
    if (mode.includes("lines")) {
      this.pen.strokeStyle = line.color;
      this.pen.lineWidth = line.width ?? 2;
      this.pen.setLineDash(line.dash ? [3, 3] : []);
      this.pen.beginPath();
      for (const place of places) this.pen.lineTo(...place);
      this.pen.stroke();
      this.pen.setLineDash([]);
    }
    if (mode.includes("markers")) places.forEach((place, index) => this.mark(...place, marker, index));
    if (mode.includes("text")) places.forEach(([left, top], index) => this.text(each(text, index), left, top, { align: "center", ...textfont }));
  }

  mark(left, top, { color, size, symbol }, index) {
    const corners = SYMBOLS[symbol];
    const half = each(size, index) / 2;
    this.pen.fillStyle = each(color, index);
    this.pen.globalAlpha = Array.isArray(size) ? 0.7 : 1; // as plotly has it
    this.pen.beginPath();
    if (corners) for (const [x, y] of corners) this.pen.lineTo(left + half * x, top + half * y);
    else this.pen.arc(left, top, half, 0, 2 * Math.PI);
    this.pen.fill();
    this.pen.globalAlpha = 1;
  }

  // The line around a panel and, on an axis of values, where zero is.
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

  // The names along the axes, where they are given.
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

  // A printed colour scale: below its panel or, upright, beside it.
  scale({ colorbar, colorscale, cmin, cmax }) {
    const flat = colorbar.orientation === "h";
    const long = colorbar.len * (flat ? this.wide : this.high);
    const left = this.left + this.wide * colorbar.x + (flat ? -long / 2 : colorbar.xpad);
    const top = this.top + this.high * (1 - colorbar.y) + (flat ? colorbar.ypad : -long / 2);
    const size = flat ? [long, colorbar.thickness] : [colorbar.thickness, long];
    const ramp = flat ? this.pen.createLinearGradient(left, 0, left + long, 0) : this.pen.createLinearGradient(0, top + long, 0, top);
    for (const [place, color] of colorscale) ramp.addColorStop(place, color);
    this.pen.fillStyle = ramp;
    this.pen.fillRect(left, top, ...size);
    this.pen.strokeStyle = colorbar.outlinecolor;
    this.pen.strokeRect(left, top, ...size);
    for (const value of colorbar.tickvals) {
      const at = (long * (value - cmin)) / (cmax - cmin);
      const where = flat ? [left + at, top + size[1] + 11] : [left + size[0] + 5, top + long - at];
      this.text(String(Number(value.toPrecision(3))).replace("-", "−"), ...where, { align: flat ? "center" : "left", ...colorbar.tickfont });
    }
  }

  title({ text, x, y, font, yshift }) {
    const left = this.left + this.wide * x;
    const bottom = this.top + this.high * (1 - y) - yshift;
    const lines = text.split("<br>");
    lines.forEach((line, index) => {
      this.text(line, left + 2, bottom - 10 - 1.3 * font.size * (lines.length - 1 - index), { align: "left", ...font });
    });
  }

  // Words at a place, in the middle of their height; plotly's markup for bold ones.
  text(words, left, top, { align, size = this.layout.font.size, color = this.layout.font.color, turn = 0 }) {
    const parts = words.split(/(?=<b>)|<\/b>/).map((part) => [part.startsWith("<b>"), plainText(part.replace("<b>", ""))]);
    const font = (bold) => { this.pen.font = `${bold ? "bold " : ""}${size}px ${this.layout.font.family}`; };
    const wide = parts.map(([bold, part]) => (font(bold), this.pen.measureText(part).width));
    const total = wide.reduce((a, b) => a + b, 0);
    this.pen.save();
    this.pen.translate(left, top);
    this.pen.rotate((turn * Math.PI) / 180);
    this.pen.fillStyle = color;
    this.pen.textBaseline = "middle";
    let at = align === "right" ? -total : align === "center" ? -total / 2 : 0;
    parts.forEach(([bold, part], index) => {
      font(bold);
      this.pen.fillText(part, at, 0);
      at += wide[index];
    });
    this.pen.restore();
  }
}

// Corners of a mark of half its size 1; one without is round.
const SYMBOLS = {
  diamond: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
  "triangle-up": [[-1.15, 0.5], [0, -1], [1.15, 0.5]],
  x: [[0, -0.57], [0.57, -1.13], [1.13, -0.57], [0.57, 0], [1.13, 0.57], [0.57, 1.13], [0, 0.57], [-0.57, 1.13],
    [-1.13, 0.57], [-0.57, 0], [-1.13, -0.57], [-0.57, -1.13]],
};

const each = (value, index) => (Array.isArray(value) ? value[index] : value);
const plainText = (text) => text.replace(/<[^>]*>/g, "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

// A number as a template such as "%{z:.2f}" has it.
function written(value, template) {
  const [, digits, kind] = /:(?:\.(\d+))?([fd%])/.exec(template) ?? [];
  const number = kind === "%" ? value * 100 : value;
  return number.toFixed(Number(digits ?? 0)) + (kind === "%" ? "%" : "");
}

// A colour scale of "#rrggbb" in 256 colours: red, green, blue, and that they can be seen.
function paletteOf({ colorscale }) {
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
