// What ipywidgets' own controls leave undone on the page: names for sliders, a live badge and, on a
// Voila page, where a reload starts a new kernel, the state that was shown before.
/** @import { FrameState, Model, Place } from "./types.js" */

/**
 * A slider has a visible label beside it but no accessible name; its readout has neither.
 * @param {Element} root
 */
function nameControls(root) {
  for (const box of root.querySelectorAll(".widget-inline-hbox")) {
    const handle = box.querySelector('[role="slider"]');
    const readout = box.querySelector(".widget-readout");
    const label = box.querySelector(".widget-label")?.textContent?.trim();
    if (!handle || !label) continue;
    handle.setAttribute("aria-label", label);
    if (readout && handle.getAttribute("aria-valuetext") !== readout.textContent) {
      handle.setAttribute("aria-valuetext", readout.textContent ?? "");
    }
    if (readout instanceof HTMLElement && readout.isContentEditable) {
      readout.setAttribute("role", "textbox");
      readout.setAttribute("aria-label", `${label}, type a value`);
    }
  }
  for (const button of root.querySelectorAll(".widget-play button")) {
    const stops = button.querySelector(".fa-stop");
    button.setAttribute("aria-label", stops ? "stop, back to the first step" : "play or pause");
  }
  for (const live of root.querySelectorAll(".fwd-badge, .fwd-message, .fwd-happened")) {
    live.setAttribute("role", "status");
    live.setAttribute("aria-live", "polite");
  }
}

/**
 * Source code scrolls in its own box, by keyboard too; a new current line comes into view.
 * @param {Element} root
 */
function showCode(root) {
  for (const code of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(".fwd-source"))) {
    const now = code.querySelector("[aria-current]");
    code.tabIndex = 0;
    code.setAttribute("role", "region");
    code.setAttribute("aria-label", `source: ${code.querySelector("b")?.textContent}`);
    if (!now || seen.has(now)) continue;
    seen.add(now);
    const { top, bottom } = now.getBoundingClientRect();
    const box = code.getBoundingClientRect();
    if (top < box.top || bottom > box.bottom) code.scrollTop += (top + bottom - box.top - box.bottom) / 2;
  }
}
/** @type {WeakSet<Element>} */
const seen = new WeakSet();

/** @typedef {Model<{ value?: unknown, _options_labels?: string[], index?: number | null }>} Control */

function isVoilaReload() {
  const voila = document.body.dataset.fwdPage === "voila";
  const [opened] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  return voila && opened?.type === "reload";
}

/** @param {Place<FrameState>} place */
function render({ model, el }) {
  const key = `fwdwidgets:${location.pathname}:${model.get("number")}`;
  el.style.display = "none";

  // The controls are read when the page is left, so a move sends nothing for this.
  /** @type {{ [name: string]: Control }} */
  const controls = {};
  for (const [name, id] of Object.entries(model.get("controls"))) {
    model.widget_manager.get_model(id.slice("IPY_MODEL_".length)).then((control) => { controls[name] = /** @type {Control} */ (control); });
  }
  /** @param {Control} control */
  const value = (control) => control.get("value") ?? control.get("_options_labels")?.[control.get("index") ?? -1];
  const remember = () => sessionStorage.setItem(key, JSON.stringify(
    Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, value(control)]))));
  const kept = sessionStorage.getItem(key);
  if (kept && isVoilaReload()) model.send({ kind: "restore", state: JSON.parse(kept) });
  addEventListener("pagehide", remember);

  /** @type {MutationObserver | null} */
  let watched = null;
  let ended = false;
  const attach = () => {
    if (ended) return;
    const root = /** @type {HTMLElement | null} */ (el.closest(".fwd-widget"));
    if (!root) {
      requestAnimationFrame(attach);
      return;
    }
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", model.get("title"));
    const tend = () => {
      nameControls(root);
      showCode(root);
    };
    tend();
    watched = new MutationObserver(tend);
    watched.observe(root, { childList: true, subtree: true, characterData: true });
  };
  attach();
  return () => {
    ended = true;
    watched?.disconnect();
    removeEventListener("pagehide", remember);
  };
}

export default { render, showCode };
