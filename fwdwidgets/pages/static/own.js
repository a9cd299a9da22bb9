// A sample of the reader's own: a picture from a file, or a drawing. It enters the network as
// numbers from 0 to 1, like the samples of the page.
/** @import { Page } from "./page.js" */
/** @import { Plan } from "./types.js" */
import { element } from "./element.js";

export class OwnSample {
  /**
   * @param {Page} page
   * @param {Plan} plan
   */
  constructor(page, plan) {
    this.page = page;
    const [, channels, height, width] = plan.shape;
    this.channels = channels;
    this.height = height;
    this.width = width;
    this.pen = [width >> 1, height >> 1];
    this.pad = element("canvas", { width, height, tabIndex: 0, className: "fwd-pad" });
    this.pad.setAttribute("role", "application");
    this.pad.setAttribute("aria-label", "drawing pad: arrow keys move the pen, space draws a dot");
    this.context = /** @type {CanvasRenderingContext2D} */ (this.pad.getContext("2d", { willReadFrequently: true }));
    this.file = element("input", { type: "file", accept: "image/*" });
    const clear = element("button", { type: "button", textContent: "clear" });
    clear.addEventListener("click", () => this.clear());
    this.file.addEventListener("change", () => this.load());
    this.pad.addEventListener("pointerdown", (event) => this.follow(event));
    this.pad.addEventListener("pointermove", (event) => { if (event.buttons) this.follow(event); });
    this.pad.addEventListener("keydown", (event) => this.key(event));
    this.element = element("details", { className: "fwd-own" },
      element("summary", { textContent: "A picture of your own" }),
      element("label", {}, "from a file: ", this.file),
      element("div", { className: "fwd-own-pad" }, "or drawn here:", this.pad, clear));
    this.clear(false);
  }

  clear(run = true) {
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, this.width, this.height);
    this.file.value = "";
    if (run) this.run();
  }

  /** Draws a dot at the pen. */
  dot() {
    const [x, y] = this.pen;
    this.context.fillStyle = "#fff";
    this.context.beginPath();
    this.context.arc(x, y, Math.max(1, this.width / 22), 0, 7);
    this.context.fill();
    this.run();
  }

  /** @param {PointerEvent} event */
  follow(event) {
    event.preventDefault();
    this.pad.focus();
    const box = this.pad.getBoundingClientRect();
    this.pen = [((event.clientX - box.left) / box.width) * this.width, ((event.clientY - box.top) / box.height) * this.height];
    this.dot();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = new Map([["ArrowLeft", [-1, 0]], ["ArrowRight", [1, 0]], ["ArrowUp", [0, -1]], ["ArrowDown", [0, 1]]]).get(event.key);
    if (!step && event.key !== " ") return;
    event.preventDefault();
    if (step) {
      this.pen = [
        Math.min(this.width - 1, Math.max(0, this.pen[0] + step[0])),
        Math.min(this.height - 1, Math.max(0, this.pen[1] + step[1])),
      ];
      this.page.tell(`The pen is at row ${Math.floor(this.pen[1])}, column ${Math.floor(this.pen[0])}; space draws.`);
    } else this.dot();
  }

  async load() {
    const [file] = this.file.files ?? [];
    if (!file) return;
    try {
      const picture = await createImageBitmap(file);
      const scale = Math.min(this.width / picture.width, this.height / picture.height);
      const [wide, high] = [picture.width * scale, picture.height * scale];
      this.context.fillStyle = "#000";
      this.context.fillRect(0, 0, this.width, this.height);
      this.context.drawImage(picture, (this.width - wide) / 2, (this.height - high) / 2, wide, high);
      this.run();
    } catch {
      this.page.tell(`${file.name} is no picture that this browser can read: choose a PNG or a JPEG.`);
    }
  }

  // The numbers (1, channels, height, width); grey is the luma of ITU-R
  // BT.601 in whole levels and fixed point, as PIL's convert("L") computes it.
  run() {
    const { data } = this.context.getImageData(0, 0, this.width, this.height);
    const size = this.width * this.height;
    const numbers = new Float32Array(this.channels * size);
    for (let i = 0; i < size; i++) {
      const [red, green, blue] = data.subarray(4 * i, 4 * i + 3);
      const grey = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
      const levels = this.channels === 1 ? [grey] : [red, green, blue];
      levels.forEach((level, channel) => { numbers[channel * size + i] = level / 255; });
    }
    this.page.engine.runOwn?.(numbers);
  }
}
