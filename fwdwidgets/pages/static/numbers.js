// Numbers as Python writes them, since a page has no Python to ask. A half rounds to the even
// digit; whether it is exactly a half is seen from all the digits of the number.

/**
 * The first digits of a string of digits, rounded, as a string.
 * @param {string} digits
 * @param {number} keep
 */
function rounded(digits, keep) {
  const kept = BigInt(digits.slice(0, keep));
  const rest = digits.slice(keep);
  const half = "5".padEnd(rest.length, "0");
  return String(kept + BigInt(rest > half || (rest === half && kept % 2n === 1n)));
}

/** @param {number} value */
const isNegative = (value) => value < 0 || Object.is(value, -0);
/** @param {number} value */
const notFinite = (value) => String(value).replace("NaN", "nan").replace("Infinity", "inf");

/**
 * f"{value:.{digits}f}"
 * @param {number} value
 * @param {number} digits
 */
export function fixed(value, digits) {
  if (!Number.isFinite(value)) return notFinite(value);
  const size = Math.abs(value);
  const text = size < 1e21 ? size.toFixed(100) : `${BigInt(size)}.${"0".repeat(100)}`;
  const [whole, part] = text.split(".");
  const all = rounded(whole + part, whole.length + digits).padStart(digits + 1, "0");
  const point = all.length - digits;
  return (isNegative(value) ? "-" : "") + all.slice(0, point) + (digits ? `.${all.slice(point)}` : "");
}

/** f"{value:.1%}" @param {number} value */
export const percent = (value) => `${fixed(value * 100, 1)}%`;

/**
 * f"{value:.{digits}g}"
 * @param {number} value
 */
export function general(value, digits = 6) {
  if (!Number.isFinite(value)) return notFinite(value);
  const sign = isNegative(value) ? "-" : "";
  if (value === 0) return `${sign}0`;
  const [text, power] = Math.abs(value).toExponential(100).split("e");
  const kept = rounded(text.replace(".", ""), digits);
  const exponent = Number(power) + kept.length - digits; // 9.9999999 became 10
  const ones = kept.slice(0, digits);
  /** @param {string} whole @param {string} part */
  const written = (whole, part) => [whole, part.replace(/0+$/, "")].filter(Boolean).join(".");
  if (exponent >= digits || exponent < -4) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${written(ones[0], ones.slice(1))}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return sign + written("0", "0".repeat(-exponent - 1) + ones);
  return sign + written(ones.slice(0, exponent + 1), ones.slice(exponent + 1));
}

/** f"{value:,}" of a whole number @param {number} value */
export const counted = (value) => value.toLocaleString("en-US");
