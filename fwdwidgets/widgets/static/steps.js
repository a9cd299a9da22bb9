// The table of steps. Names and sources are written as text, never as markup.

/** @import { Place, StepsState } from "./types.js" */

const HEADS = ["", "step", "operation", "shape", "source"];

/** @param {Place<StepsState>} place */
function render({ model, el }) {
  el.classList.add("fwd-steps");
  el.classList.toggle("fwd-to-read", !model.get("choosable"));
  el.tabIndex = 0;
  el.setAttribute("role", "region");
  el.setAttribute("aria-label", "steps of the forward pass");
  const table = document.createElement("table");
  el.append(table);
  /** @type {Map<string, HTMLTableRowElement>} */
  const lines = new Map();

  function fill() {
    lines.clear();
    table.replaceChildren();
    const words = document.createElement("span"); // stays in sight where a wide table is scrolled
    words.textContent = model.get("caption");
    table.createCaption().append(words);
    const head = table.createTHead().insertRow();
    for (const text of HEADS) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = text;
      head.append(cell);
    }
    const body = table.createTBody();
    model.get("rows").forEach(([name, op, shape, source, choosable], index) => {
      const line = body.insertRow();
      line.insertCell().textContent = String(index + 1);
      const cell = document.createElement("th");
      cell.scope = "row";
      cell.textContent = name;
      line.append(cell);
      for (const text of [op, shape, source]) line.insertCell().textContent = text;
      line.classList.toggle("fwd-step-error", !choosable);
      if (choosable && model.get("choosable")) line.addEventListener("click", () => {
        model.set("chosen", name);
        model.save_changes();
      });
      lines.set(name, line);
    });
    mark();
  }

  function mark() {
    for (const [name, line] of lines) {
      const chosen = name === model.get("chosen");
      if (model.get("choosable")) line.setAttribute("aria-current", String(chosen));
      line.cells[0].textContent = chosen ? "▸" : String(line.sectionRowIndex + 1);
      if (chosen) show(line);
    }
  }

  /**
   * Scrolls only the table: scrollIntoView would move the whole page.
   * @param {HTMLTableRowElement} line
   */
  function show(line) {
    const top = line.offsetTop - (table.tHead?.offsetHeight ?? 0);
    if (top < el.scrollTop) el.scrollTop = top;
    const below = line.offsetTop + line.offsetHeight - el.clientHeight;
    if (below > el.scrollTop) el.scrollTop = below;
  }

  model.on("change:rows", fill);
  model.on("change:chosen", mark);
  fill();
  requestAnimationFrame(mark); // only in the page is there a height to scroll to
  return () => {
    model.off("change:rows", fill);
    model.off("change:chosen", mark);
  };
}

export default { render };
