// Between text and HTML.

/** Plotly's markup as plain words. @param {string} text */
export const plainText = (text) => text.replace(/<[^>]*>/g, "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

/** Escapes as Python's html.escape() does. @param {string} text */
export const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;").replace(/'/g, "&#x27;");

/**
 * Replaces each word in braces by what it stands for, as text.
 * @param {string} text
 * @param {{ [word: string]: string }} words
 */
export const filled = (text, words) => text.replace(/\{(\w+)\}/g, (_, word) => escaped(words[word]));
