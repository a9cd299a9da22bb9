// Expected values come from Python, by its standard library alone.
import { spawnSync } from "node:child_process";

/**
 * What a piece of Python prints as JSON.
 * @param {string} code reads `given`
 * @param {unknown} given JSON; floats that must arrive bit for bit are to be sent by `bits`
 * @returns {any}
 */
export function python(code, given = null) {
  const begin = [
    "import base64, html, json, struct, sys, urllib.parse",
    "given = json.load(sys.stdin)",
    "floats = lambda text: [x for x, in struct.iter_unpack('<d', base64.b64decode(text))]",
    "tell = lambda value: json.dump(value, sys.stdout)",
  ];
  const run = spawnSync(process.env.PYTHON || "python3", ["-IS", "-c", [...begin, code].join("\n")],
    { input: JSON.stringify(given), encoding: "utf8", maxBuffer: 1e8 });
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout);
}

/** Numbers for `floats` in Python. @param {number[]} numbers */
export const bits = (numbers) => Buffer.from(Float64Array.from(numbers).buffer).toString("base64");
