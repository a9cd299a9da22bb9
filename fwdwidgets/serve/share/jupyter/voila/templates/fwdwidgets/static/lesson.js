// Tells the reader what otherwise only the server knows: that the lesson broke off, or that its
// kernel has ended. It also follows the theme of the reader's system, for the widgets of the page.
"use strict";
(() => {
  const LOOK_MS = 2000;
  const SILENCE_MS = 20000; // the server is heard from every five seconds while cells run
  const page = document.body.dataset;

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    if (page.fwdTheme !== "auto") return;
    page.jpThemeLight = String(!dark.matches);
    page.jpThemeName = dark.matches ? "JupyterLab Dark" : "JupyterLab Light";
  };
  dark.addEventListener("change", follow);
  follow();

  const bar = /** @type {HTMLElement} */ (document.getElementById("fwd-trouble"));
  /** @param {string} sentence */
  const say = (sentence) => {
    if (bar.dataset.sentence === sentence) return;
    bar.dataset.sentence = sentence;
    bar.hidden = !sentence;
    bar.textContent = sentence;
    const again = document.createElement("button");
    again.textContent = "Reload";
    again.addEventListener("click", () => location.reload());
    bar.append(" ", again);
  };

  let heard = performance.now();
  window.fwdHeard = () => {
    heard = performance.now();
  };

  // What Voila wrote for its own script, once it has all arrived.
  const kernel = () => {
    const config = document.getElementById("jupyter-config-data");
    return config?.nextSibling ? JSON.parse(config.textContent) : null;
  };

  // Voila ends the kernel of a page that is left, but only once its own script is up: a reader who
  // turns pages faster would leave a kernel running for each of them. While cells run, the server
  // notices by itself that the page was left.
  addEventListener("pagehide", () => {
    const config = kernel();
    if (!config || !window.fwdComplete) return;
    const form = new FormData();
    form.append("_xsrf", document.cookie.match(/\b_xsrf=([^;]*)/)?.[1] ?? "");
    navigator.sendBeacon(`${config.baseUrl}voila/api/shutdown/${config.kernelId}`, form);
  });

  let missed = 0;
  const look = async () => {
    if (document.hidden) return;
    if (!window.fwdComplete && performance.now() - heard > SILENCE_MS) {
      document.getElementById("loading")?.remove();
      say("This lesson broke off while it was being made. Reload the page to try again; whoever runs the server finds the reason in its log.");
      clearInterval(timer);
      return;
    }
    const config = kernel();
    if (!config) return;
    try {
      const answer = await fetch(`${config.baseUrl}api/kernels/${config.kernelId}`, { cache: "no-store" });
      missed = 0;
      if (answer.status === 404) {
        say("The kernel of this page has ended: what you see no longer answers. Reload the page to start again.");
        clearInterval(timer);
      } else {
        say("");
      }
    } catch {
      missed += 1; // once may be a hiccup
      if (missed > 1) say("The server does not answer. Start it again, then reload the page.");
    }
  };
  const timer = setInterval(look, LOOK_MS);
  document.addEventListener("visibilitychange", look);
})();
