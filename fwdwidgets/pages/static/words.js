// A figure in words, for readers who cannot see it: its contents with their numbers.
/** @import { Axis, Bars, Drawn, Heatmap, Numbers, Scatter, Trace } from "../../widgets/static/types.js" */
import { plainText } from "./markup.js";

/** @param {Drawn} stage what plotly has drawn, or is to draw */
export function chartInWords(stage) {
  /** @param {unknown} value */
  const number = (value) => (Number.isFinite(value) ? String(Number(Number(value).toPrecision(4))) : "not a number");
  /** @param {string} name */
  const axis = (name) => /** @type {Axis} */ (stage.layout[name.replace(/^[xy]/, "$&axis")]);
  const said = stage.data
    .filter(({ visible, hoverinfo }) => visible === true && hoverinfo !== "skip")
    .map((trace) => [panelOf(trace), trace.type === "heatmap" ? cells(trace) : points(trace)])
    .filter(([, text]) => text);
  return said.map(([panel, text], index) => (panel && said[index - 1]?.[0] !== panel ? `${panel}. ${text}` : text)).join(". ");

  /** The title above the panel of a trace. @param {Trace} trace */
  function panelOf({ xaxis, yaxis }) {
    const corner = [axis(xaxis).domain?.[0], axis(yaxis).domain?.[1]];
    const title = stage.layout.annotations.find(({ x, y }) => x === corner[0] && y === corner[1]);
    return title ? plainText(title.text.replaceAll("<br>", ", ")) : "";
  }

  /** @param {Heatmap} trace */
  function cells({ name = "picture", z, texttemplate, yaxis, xaxis }) {
    const values = z.flatMap((line) => Array.from(line)).filter((value) => Number.isFinite(value));
    const [rows, columns] = [axis(yaxis).ticktext, axis(xaxis).ticktext];
    if (texttemplate !== undefined && rows && columns && z.length * columns.length <= 400) {
      /** @param {Numbers} line */
      const list = (line) => Array.from(line, (value, at) => (Number.isFinite(value) ? `${plainText(columns[at])} ${number(value)}` : ""))
        .filter(Boolean).join(", ");
      return z.map((line, at) => [plainText(rows[at]), list(line)]).filter(([, text]) => text)
        .map(([row, text]) => `${row}: ${text}`).join("; ");
    }
    const low = values.reduce((a, b) => Math.min(a, b), Infinity);
    const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    return `${name}: ${z.length} by ${z[0]?.length ?? 0} cells, from ${number(low)} to ${number(high)}`;
  }

  /** @param {Bars | Scatter} trace */
  function points({ name, type, orientation, x, y, hovertext, text }) {
    const level = type === "scatter" && (y?.length ?? 0) > 1 && Array.from(y).every((value) => value === y[0]);
    const places = Array.from(x ?? []);
    const values = (orientation === "h" || level ? places : Array.from(y ?? [])).filter((value) => value !== null);
    if (!values.length) return "";
    const texts = hovertext ?? text ?? [];
    const names = typeof texts === "string" ? places.map(() => texts) : texts;
    if (type === "scatter" && !names.length && values.length > 20) {
      const [low, high] = [Math.min(...values), Math.max(...values)];
      return `${name}: ${values.length} points, from ${number(low)} to ${number(high)}, the last ${number(values.at(-1))}`;
    }
    const same = level && names.length > 1 && names.every((each) => each === names[0]);
    const few = values.slice(0, 20).map((value, index) => (names[index] && !same ? `${plainText(names[index])} ` : "") + number(value));
    if (values.length > few.length) few.push(`and ${values.length - few.length} more`);
    return `${same ? `${names[0]} at` : `${name ?? type}:`} ${few.join(", ")}`;
  }
}
