// A table of numbers to edit, with results on its right. Names are written as text, never as
// markup. A cell is sent when the reader leaves it or presses Enter.

/** @import { Place, TableState } from "./types.js" */

/** @param {Place<TableState>} place */
function render({ model, el }) {
  el.classList.add("fwd-table");
  // Whatever scrolls can be reached by keyboard.
  const room = new ResizeObserver(() => { el.tabIndex = el.scrollWidth > el.clientWidth + 1 ? 0 : -1; });
  room.observe(el);
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", "table of inputs and outputs");
  const table = document.createElement("table");
  el.append(table);
  /** @type {{ row: HTMLElement, title: HTMLElement, name: string, inputs: HTMLInputElement[], results: HTMLElement[] }[]} */
  let lines = [];

  /** @param {HTMLElement} row @param {"th" | "td"} kind @param {string} text */
  function cell(row, kind, text, className = "") {
    const made = document.createElement(kind);
    made.textContent = text;
    if (className) made.className = className;
    if (kind === "th") made.scope = row.parentElement?.tagName === "THEAD" ? "col" : "row";
    row.append(made);
    return made;
  }

  function build() {
    table.replaceChildren();
    const columns = model.get("columns");
    const results = model.get("results");
    const head = table.createTHead().insertRow();
    for (const text of ["", ...columns]) cell(head, "th", text);
    for (const text of results) cell(head, "th", text, "fwd-table-result");
    const body = table.createTBody();
    lines = model.get("rows").map((name, index) => {
      const row = body.insertRow();
      row.addEventListener("click", () => choose(index));
      row.addEventListener("focusin", () => choose(index));
      const title = cell(row, "th", name);
      const inputs = columns.map((column, number) => {
        const input = document.createElement("input");
        input.inputMode = "decimal";
        input.autocomplete = "off";
        input.setAttribute("aria-label", `${name}, ${column}`);
        input.addEventListener("input", () => { input.dataset.typing = ""; });
        input.addEventListener("change", () => {
          delete input.dataset.typing;
          model.send({ kind: "edit", row: index, column: number, text: input.value });
        });
        input.addEventListener("blur", () => { delete input.dataset.typing; });
        cell(row, "td", "").append(input);
        return input;
      });
      return { row, title, name, inputs, results: results.map(() => cell(row, "td", "", "fwd-table-result")) };
    });
    fill();
  }

  /** @param {number} index */
  function choose(index) {
    if (model.get("chosen") === index) return;
    model.set("chosen", index);
    model.save_changes();
  }

  function fill() {
    const cells = model.get("value");
    const texts = model.get("texts");
    lines.forEach(({ row, title, name, inputs, results }, index) => {
      inputs.forEach((input, number) => {
        // An answer to an earlier change does not overwrite what the reader is typing.
        if (!("typing" in input.dataset)) input.value = cells[index]?.[number] ?? "";
      });
      results.forEach((made, number) => { made.textContent = texts[index]?.[number] ?? ""; });
      const chosen = index === model.get("chosen");
      row.setAttribute("aria-current", String(chosen));
      title.textContent = chosen ? `▸ ${name}` : name;
    });
  }

  const shape = "change:rows change:columns change:results";
  const values = "change:value change:texts change:chosen change:revision";
  model.on(shape, build);
  model.on(values, fill);
  build();
  return () => {
    model.off(shape, build);
    model.off(values, fill);
    room.disconnect();
  };
}

export default { render };
