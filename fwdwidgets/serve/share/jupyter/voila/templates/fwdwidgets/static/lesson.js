// Tells the reader what else only the server knows: that the lesson did not start, or that its
// kernel has ended. And follows the theme of the reader's system, which widgets read from the page.
"use strict";
(() => {
  const LOOK_MS = 3000;
  const page = document.body.dataset;

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    if (page.fwdTheme !== "auto") return;
    page.jpThemeLight = String(!dark.matches);
    page.jpThemeName = dark.matches ? "JupyterLab Dark" : "JupyterLab Light";
  };
  dark.addEventListener("change", follow);
  follow();

  const bar = document.getElementById("fwd-trouble");
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

  let timer = null;
  let missed = 0;
  const look = async (address) => {
    if (document.hidden) return;
    try {
      const answer = await fetch(address, { cache: "no-store" });
      missed = 0;
      if (answer.status === 404) {
        clearInterval(timer);
        say("The kernel of this page has ended: what you see no longer answers. Reload the page to start again.");
      } else {
        say("");
      }
    } catch {
      missed += 1; // once may be a hiccup
      if (missed > 1) say("The server does not answer. Start it again, then reload the page.");
    }
  };

  addEventListener("DOMContentLoaded", () => {
    const config = document.getElementById("jupyter-config-data");
    if (!config || !window.fwdComplete) {
      document.getElementById("loading")?.remove();
      say("This lesson could not be started. Reload the page to try again; whoever runs the server finds the reason in its log.");
      return;
    }
    const { baseUrl, kernelId } = JSON.parse(config.textContent);
    const address = `${baseUrl}api/kernels/${kernelId}`;
    timer = setInterval(look, LOOK_MS, address);
    document.addEventListener("visibilitychange", () => look(address));
  });
})();
