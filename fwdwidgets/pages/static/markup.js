// Between text and HTML.

/** The words of plotly's markup. @param {string} text */
export const plainText = (text) => text.replace(/<[^>]*>/g, "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

/** As html.escape() of Python has it. @param {string} text */
export const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;").replace(/'/g, "&#x27;");

/**
 * A text with words in braces, each replaced by what it stands for, as text.
 * @param {string} text
 * @param {{ [word: string]: string }} words
 */
export const filled = (text, words) => text.replace(/\{(\w+)\}/g, (_, word) => escaped(words[word]));
