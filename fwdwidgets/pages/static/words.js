// A figure in words, for who cannot see it: what stands in it, with its numbers.

function chartInWords(stage) {
  const number = (value) => (Number.isFinite(value) ? String(Number(Number(value).toPrecision(4))) : "not a number");
  const axis = (name) => stage.layout[name.replace(/^[xy]/, "$&axis")];
  const said = stage.data
    .filter(({ visible, hoverinfo }) => visible === true && hoverinfo !== "skip")
    .map((trace) => [panelOf(trace), trace.type === "heatmap" ? cells(trace) : points(trace)])
    .filter(([, text]) => text);
  return said.map(([panel, text], index) => (panel && said[index - 1]?.[0] !== panel ? `${panel}. ${text}` : text)).join(". ");

  // The title above the panel of a trace.
  function panelOf({ xaxis, yaxis }) {
    const corner = [axis(xaxis).domain?.[0], axis(yaxis).domain?.[1]];
    const title = stage.layout.annotations.find(({ x, y }) => x === corner[0] && y === corner[1]);
    return title ? plainText(title.text.replaceAll("<br>", ", ")) : "";
  }

  function cells({ name = "picture", z, texttemplate, yaxis, xaxis }) {
    const values = z.flatMap((line) => Array.from(line)).filter((value) => Number.isFinite(value));
    const [rows, columns] = [axis(yaxis).ticktext, axis(xaxis).ticktext];
    if (texttemplate !== undefined && rows && columns && z.length * columns.length <= 400) {
      const list = (line) => Array.from(line, (value, at) => [value, at]).filter(([value]) => Number.isFinite(value))
        .map(([value, at]) => `${plainText(columns[at])} ${number(value)}`).join(", ");
      return z.map((line, at) => [plainText(rows[at]), list(line)]).filter(([, text]) => text)
        .map(([row, text]) => `${row}: ${text}`).join("; ");
    }
    const low = values.reduce((a, b) => Math.min(a, b), Infinity);
    const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    return `${name}: ${z.length} by ${z[0]?.length ?? 0} cells, from ${number(low)} to ${number(high)}`;
  }

  function points({ name, type, orientation, x, y, hovertext, text }) {
    const level = type === "scatter" && y?.length > 1 && Array.from(y).every((value) => value === y[0]);
    const places = Array.from(x ?? []);
    const values = (orientation === "h" || level ? places : Array.from(y ?? [])).filter((value) => value !== null);
    if (!values.length) return "";
      const names = hovertext ?? text ?? [];
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

// Calls back each time that a figure in this element has been drawn.
function afterDraw(made, told) {
  new MutationObserver(told).observe(made, { subtree: true, attributeFilter: ["data-revision"] });
}

// Below a figure; it is written when it is open, and anew with each picture then.
function words(made, part) {
  const text = element("p");
  const details = element("details", { className: "fwd-words" }, element("summary", { textContent: "This chart in words" }), text);
  const write = () => {
    const stage = made.querySelector("[role=img]");
    if (details.open && stage?.data) text.textContent = `${part.shown.label}. ${chartInWords(stage)}.`;
  };
  details.addEventListener("toggle", write);
  afterDraw(made, write);
  return details;
}
