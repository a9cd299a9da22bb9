// What ipywidgets' own controls leave undone on the page: names for sliders, a live badge, and
// on a Voila page, whose reload starts a new kernel, the state that was shown before.

// A slider has a visible label beside it but no accessible name; its readout has neither.
function nameControls(root) {
  for (const box of root.querySelectorAll(".widget-inline-hbox")) {
    const handle = box.querySelector('[role="slider"]');
    const readout = box.querySelector(".widget-readout");
    const label = box.querySelector(".widget-label")?.textContent.trim();
    if (!handle || !label) continue;
    handle.setAttribute("aria-label", label);
    if (readout && handle.getAttribute("aria-valuetext") !== readout.textContent) {
      handle.setAttribute("aria-valuetext", readout.textContent);
    }
    if (readout?.isContentEditable) {
      readout.setAttribute("role", "textbox");
      readout.setAttribute("aria-label", `${label}, type a value`);
    }
  }
  for (const live of root.querySelectorAll(".fwd-badge, .fwd-message")) {
    live.setAttribute("role", "status");
    live.setAttribute("aria-live", "polite");
  }
}

function isVoilaReload() {
  const voila = document.body.dataset.fwdPage === "voila";
  return voila && performance.getEntriesByType("navigation")[0]?.type === "reload";
}

function render({ model, el }) {
  const key = `fwdwidgets:${location.pathname}:${model.get("number")}`;
  el.style.display = "none";

  // The controls are asked when the page goes: a move sends nothing for this.
  const controls = {};
  for (const [name, id] of Object.entries(model.get("controls"))) {
    model.widget_manager.get_model(id.slice("IPY_MODEL_".length)).then((control) => { controls[name] = control; });
  }
  const value = (control) => control.get("value") ?? control.get("_options_labels")?.[control.get("index")];
  const remember = () => sessionStorage.setItem(key, JSON.stringify(
    Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, value(control)]))));
  const kept = sessionStorage.getItem(key);
  if (kept && isVoilaReload()) model.send({ kind: "restore", state: JSON.parse(kept) });
  addEventListener("pagehide", remember);

  let root = null;
  let watched = null;
  const attach = () => {
    root = el.closest(".fwd-widget");
    if (!root) return requestAnimationFrame(attach);
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", model.get("title"));
    nameControls(root);
    watched = new MutationObserver(() => nameControls(root));
    watched.observe(root, { childList: true, subtree: true, characterData: true });
  };
  attach();
  return () => {
    watched?.disconnect();
    removeEventListener("pagehide", remember);
  };
}

export default { render };
