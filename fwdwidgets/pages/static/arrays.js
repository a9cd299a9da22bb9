// The arrays of a page by number: those that came with it; those computed here are below zero.
/** @import { TypedArray } from "../../widgets/static/types.js" */
/** @import { Buffer } from "./types.js" */

const LEVELS = 254; // as in recorded/archive.py

export class Arrays {
  /**
   * @param {Buffer[]} buffers where each array is in `blob`
   * @param {Uint8Array<ArrayBuffer>} blob
   */
  constructor(buffers, blob) {
    this.buffers = buffers;
    this.blob = blob;
    /** @type {Map<number, Uint8Array<ArrayBuffer>>} */
    this.decoded = new Map();
    /** @type {Uint8Array<ArrayBuffer>[]} */
    this.held = [];
  }

  /**
   * Keeps an array that was computed here and returns where it is, in the form of a piece.
   * @param {TypedArray} data
   * @param {readonly number[]} shape
   */
  hold(data, shape) {
    this.held.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const dtype = data.constructor.name.replace("Array", "").toLowerCase();
    return { buffer: -this.held.length, dtype, shape: [...shape] };
  }

  /** Forgets what was computed here. */
  release() {
    this.held = [];
  }

  /** The bytes of an array; a quantised one as float32. @param {number} number */
  bytes(number) {
    if (number < 0) return this.held[-1 - number];
    const { offset, size, low, high } = this.buffers[number];
    const bytes = this.blob.subarray(offset, offset + size);
    if (low === undefined || high === undefined) return bytes;
    const known = this.decoded.get(number);
    if (known) return known;
    const step = (high - low) / LEVELS;
    const floats = Float32Array.from(bytes, (level) => (level === 255 ? NaN : low + level * step));
    const decoded = new Uint8Array(floats.buffer);
    this.decoded.set(number, decoded);
    return decoded;
  }
}
