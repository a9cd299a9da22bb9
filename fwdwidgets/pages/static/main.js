// Opens the page, and does for it what a notebook does for a live widget.
/** @import { Plotly } from "../../widgets/static/types.js" */
/** @import { PageData } from "./types.js" */
import { imported, unpacked } from "./files.js";
import { Page } from "./page.js";

/**
 * plot.js takes plotly from here. It blocks the page while it loads, so all else is shown first.
 * @param {Promise<void>} opened
 * @returns {Promise<Plotly>}
 */
async function plotly(opened) {
  const [code] = await Promise.all([unpacked("plotly"), opened]);
  // Without this a browser parses most functions twice: at first quickly, and again when called.
  const hint = "//# allFunctionsCalledOnLoad\n";
  const wrapped = [hint, "const module = { exports: {} }, define = undefined;\n", code, "\nexport default module.exports;"];
  return (await withoutStorage(() => imported(wrapped))).default;
}

/**
 * A library in plotly's bundle asks the browser's storage how to warn of something that no page
 * uses, and waits for the disk. It also works without any storage.
 * @template Result
 * @param {() => Promise<Result>} task
 */
async function withoutStorage(task) {
  const own = Object.getOwnPropertyDescriptor(globalThis, "localStorage");
  if (!own?.configurable) return task();
  Object.defineProperty(globalThis, "localStorage", { value: null, configurable: true });
  try {
    return await task();
  } finally {
    Object.defineProperty(globalThis, "localStorage", own);
  }
}

// Resolves when the page has been painted; in a hidden page, which is not painted, after 200 ms.
function shown() {
  return new Promise((resolve) => {
    setTimeout(resolve, 200);
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)));
  });
}

function followTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  /** @param {boolean} light */
  const set = (light) => { document.body.dataset.jpThemeLight = String(light); };
  const follow = () => set(!dark.matches);
  dark.addEventListener("change", follow);
  const paper = matchMedia("print");
  paper.addEventListener("change", () => (paper.matches ? set(true) : follow()));
  addEventListener("beforeprint", () => set(true)); // paper is white
  addEventListener("afterprint", follow);
  follow();
}

function showLicenses() {
  const details = /** @type {HTMLDetailsElement | null} */ (document.getElementById("fwd-licenses"));
  details?.addEventListener("toggle", async () => {
    const text = details.querySelector("pre");
    if (details.open && text && !text.textContent) text.textContent = new TextDecoder().decode(await unpacked("licenses"));
  });
}

// An embedded page reports its height to any page around it; one that listens fits the frame.
function tellHeight() {
  if (parent === window) return;
  const tell = () => parent.postMessage({ fwdHeight: document.documentElement.getBoundingClientRect().height }, "*");
  new ResizeObserver(tell).observe(document.documentElement);
}

async function main() {
  const root = /** @type {HTMLElement} */ (document.getElementById("fwd-root"));
  followTheme();
  showLicenses();
  try {
    /** @type {() => void} */
    let open = () => {};
    globalThis.__fwdwidgets_plotly = plotly(new Promise((resolve) => { open = resolve; }));
    const [head, blob] = await Promise.all([unpacked("page"), unpacked("arrays")]);
    const data = /** @type {PageData} */ (JSON.parse(new TextDecoder().decode(head)));
    const page = globalThis.fwdwidgetsPage = new Page(data, blob);
    page.open(root);
    tellHeight();
    await shown();
    open();
    await globalThis.__fwdwidgets_plotly; // what stands around the figure is there before it
  } catch (error) {
    tellHeight();
    root.textContent = `This page cannot run here: ${/** @type {Error} */ (error).message}. It needs a browser of 2023 or later, and a `
      + "content security policy, if the site has one, that allows inline scripts, blob: and 'wasm-unsafe-eval'.";
    throw error;
  }
}

main();
