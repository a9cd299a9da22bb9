// The files of a page: in it, or brought by scripts beside it.
/** @import { Bytes } from "../../widgets/static/types.js" */

// Each resolves once: when the whole page is here, or when a script beside it has brought its file.
const parsed = new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));
const came = new Promise((resolve) => addEventListener("fwdwidgets-part", resolve));

/**
 * Unpacks a file: gzip in base64, in a script element of this page or brought by one beside it.
 * What the page itself shows comes before this script, then plotly, then everything else.
 * @param {string} name
 */
export async function unpacked(name) {
  const find = () => {
    const script = document.querySelector(`script[data-part="${name}"]`);
    const whole = document.readyState !== "loading" || script?.nextElementSibling?.localName === "script";
    return globalThis.fwdwidgetsParts?.[name] ?? (whole ? script?.textContent : undefined);
  };
  if (name === "plotly") await Promise.race([came, parsed]);
  const text = find() ?? await parsed.then(find);
  if (!text) throw new Error(`the file ${name}.js that belongs beside this page did not load`);
  const stream = new Blob([bytesOf(text.trim())]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** In browsers without base64 of their own, a loop is the fast way. @param {string} base64 */
function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const letters = atob(base64);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** Imports a module whose code came as data. @param {(string | Bytes)[]} code */
export async function imported(code) {
  const url = URL.createObjectURL(new Blob(code, { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}
