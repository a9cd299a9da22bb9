// The address of a page, "#sample=3&layer=conv1": the values of its controls by name.
/** @import { Control, Value } from "./types.js" */

/**
 * @param {Control[]} controls the controls that it names
 * @param {Value[]} values the value of each control
 */
export function addressOf(controls, values) {
  return `#${new URLSearchParams(controls.map(({ name }, at) => [name, String(values[at])]))}`;
}

/**
 * What an address says: for each name the number of its control and of its value, -1 for none.
 * @param {Control[]} controls
 * @param {string} hash
 */
export function readAddress(controls, hash) {
  return Array.from(new URLSearchParams(hash.replace(/^#/, "")), ([name, text]) => {
    const number = controls.findIndex((control) => control.name === name);
    const id = controls[number]?.values.findIndex((value) => String(value) === text) ?? -1;
    return { name, text, number, id };
  });
}
