// Runs in the page around embedded ones. Each frame takes the height that its page reports, and is
// as light or dark as its surroundings, which may differ from what the reader's system prefers.
if (!window.fwdFrames) {
  window.fwdFrames = true;
  /** @type {() => NodeListOf<HTMLIFrameElement>} */
  const frames = () => document.querySelectorAll("iframe.fwd-page");

  addEventListener("message", ({ data, source }) => {
    const height = Math.ceil(data?.fwdHeight);
    if (!(height > 0 && height < 20000)) return;
    for (const frame of frames()) if (frame.contentWindow === source) frame.style.height = `${height}px`;
  });

  const dark = matchMedia("(prefers-color-scheme: dark)");
  /** @param {HTMLElement | null} element */
  const isLight = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const numbers = getComputedStyle(at).backgroundColor.match(/[\d.]+/g)?.map(Number);
      if (!numbers) continue;
      const [red, green, blue, alpha = 1] = numbers;
      if (alpha > 0.5) return red + green + blue > 382;
    }
    const scheme = getComputedStyle(document.documentElement).colorScheme;
    return !scheme.includes("dark") || (scheme.includes("light") && !dark.matches);
  };
  const dress = () => {
    for (const frame of frames()) frame.style.colorScheme = isLight(frame.parentElement) ? "light" : "dark";
  };
  const soon = () => setTimeout(dress, 100); // a theme may fade
  dress();
  addEventListener("load", dress);
  dark.addEventListener("change", soon);
  for (const at of [document.documentElement, document.body]) {
    new MutationObserver(soon).observe(at, { attributes: true });
  }
}
