// A figure in words, for who cannot see it: what stands in it, with its numbers.

function chartInWords(stage) {
  const number = (value) => (Number.isFinite(value) ? String(Number(Number(value).toPrecision(4))) : "not a number");
  const about = (trace) => {
    const name = trace.name ?? trace.type;
    if (trace.type === "heatmap") {
      const values = trace.z.flatMap((line) => Array.from(line)).filter((value) => Number.isFinite(value));
      const low = values.reduce((a, b) => Math.min(a, b), Infinity);
      const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
      return `${name}: ${trace.z.length} by ${trace.z[0]?.length ?? 0} cells, from ${number(low)} to ${number(high)}`;
    }
    const flat = trace.orientation === "h";
    const values = Array.from((flat ? trace.x : trace.y) ?? []).filter((value) => value !== null);
    if (!values.length) return "";
    const names = trace.hovertext ?? trace.text ?? [];
    const few = values.slice(0, 20).map((value, index) => (names[index] ? `${names[index]} ` : "") + number(value));
    if (values.length > few.length) few.push(`and ${values.length - few.length} more`);
    return `${name}: ${few.join(", ")}`;
  };
  return stage.data.filter((trace) => trace.visible === true).map(about).filter(Boolean).join(". ");
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
