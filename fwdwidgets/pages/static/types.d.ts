// The data of a page: the JSON of pages/page.py, and what its modules hand to each other.

import type { Bytes, Listener, Numbers, PackedArray, Patch, TypedArray } from "../../widgets/static/types.js";
import type { Page } from "./page.js";

export type Value = string | number | boolean;
/** What each part shows, by name, under the number of the part. */
export type Values = Map<number, Patch>;
/** The numbers of a state's pieces, by place; -1 for nothing. */
export type Pieces = number[];

/** A control: the number of its part, each value it can have, and the text of each. */
export interface Control { name: string; part: number; values: Value[]; texts: string[] }
export interface Buffer { offset: number; size: number; low?: number; high?: number }

/** States that were recorded: Recorder.data() in recorded/recording.py. */
export interface Recording {
  controls: Control[];
  places: [number, string][];
  base: Pieces;
  /** what differs from `base`, as place, piece, place, piece, ... */
  states: number[][];
  /** for each state the number of each control's value, such as "3,0,1" */
  keys: string[];
  /** the states that are named by their keys alone */
  plain: number[];
  /** for controls that set others: the state for each wanted key */
  moves: { [name: string]: { [key: string]: number } };
  /** which others such a control sets, whatever values they had */
  forgets: { [name: string]: number[] };
  /** where buttons lead, by key and part */
  presses: { [key: string]: { [part: string]: number } };
}
export interface PageData extends Recording {
  title: string;
  kinds: Kind[];
  frames: { [part: string]: { views: { [width: string]: Patch }; themes: object; config: object } };
  choosers: { [part: string]: string };
  reach: string;
  network: Plan | null;
  pieces: unknown[];
  buffers: Buffer[];
}

/** What goes from state to state: recorded states, or a network that runs. */
export interface Engine {
  controls: Control[];
  /** the number of each control's value */
  vector: number[];
  /** the state; null in one that was not recorded */
  at?: number | null;
  session?: unknown;
  running?: Promise<void>;
  start(): Pieces;
  stops(number: number): number[];
  leads(number: number, value: number): boolean;
  move(number: number, value: number): boolean;
  press(part: number, home: boolean): boolean;
  findWrong(number: number, step: number): Promise<boolean | null>;
  runOwn?(numbers: Float32Array<ArrayBuffer>): void;
}

// --- parts ----------------------------------------------------------------------------------------

export type Kind = "plot" | "steps" | "table" | "box" | "html" | "slider" | "options" | "menu" | "toggles"
  | "checkbox" | "button" | "play" | "text" | "progress";
/** What every part shows; the rest depends on its kind: recorded/snapshot.py. */
export interface Shown { [name: string]: unknown; classes?: string[]; hidden?: boolean }
/** A part, with what one of its kind shows. */
export interface PartOf<Its> {
  number: number;
  page: Page;
  shown: Shown & Its;
  update?(values: Shown & Partial<Its>): void;
  refresh?(values: Shown & Partial<Its>): void;
  draw?(): void;
}
export interface Titled { description: string; disabled?: boolean }
export interface Choice extends Titled { options: string[]; values: Value[]; index: number | null }
export interface Message { kind: string; [name: string]: unknown }
export interface Edit extends Message { row: number; column: number; text: string }
export type Listeners = Map<string, Set<Listener>>;

// --- the network ----------------------------------------------------------------------------------

/** A place in the figure, an output, and which part of the output goes there. */
export type Slot = [string, string, "array" | "list" | number];
/** Pieces by place that are always the same, and the graph that fills in the rest. */
export interface Picture { fixed: { [place: string]: number }; slots: Slot[]; graph?: number; outputs?: string[] }
export interface Layer { name: string; odd: string; pages: (Picture & { marks: number })[] }
export interface Sample { index: number; input: PackedArray; label: number; target: string }
export interface Classes {
  drawn: { [count: string]: { [place: string]: number } };
  panels: { name: "logits" | "probabilities"; trace: number; axis: string; at: string }[];
  names: string[];
  full: string[];
  short: string[];
  axis: string;
  colors: string[];
  signs: string[];
}
/** How numbers become the picture: _Planner.plan() in network/network.py. */
export interface Plan {
  inputs: string[];
  answers: string[];
  shape: [number, number, number, number];
  samples: Sample[];
  weights: { feeds: { [name: string]: PackedArray }; words: string; status: string }[];
  kernels: { [name: string]: { weight: string; graph: number; outputs: string[] } };
  told: { [key: string]: string };
  input: Picture;
  layers: Layer[];
  classes: Classes | null;
  badges: { [kind: string]: string };
  graphs: PackedArray[];
  mostMarks: number;
  controls: (Control & { now: number })[];
  parts: { plot: number; badge: number; status: number; message: number; table: number; layer: number; page: number; given?: number };
  notice: string;
  own: boolean;
}

// Of onnxruntime-web.
export interface Tensor { data: TypedArray & { [index: number]: number }; dims: readonly number[] }
export type Tensors = { [name: string]: Tensor };
export interface Session { run(feeds: Tensors, outputs: string[] | undefined): Promise<Tensors> }
export interface Ort {
  env: { wasm: { numThreads: number; wasmBinary: Bytes } };
  InferenceSession: { create(model: Bytes, options: object): Promise<Session> };
  Tensor: new (dtype: string, data: ArrayLike<number> | ArrayLike<bigint>, shape: readonly number[]) => Tensor;
}

declare global {
  /** Files that scripts beside the page have brought, in base64. */
  var fwdwidgetsParts: { [name: string]: string } | undefined;
  var fwdwidgetsPage: Page | undefined;
  interface Uint8ArrayConstructor {
    /** Of newer browsers. */
    fromBase64?(text: string): Uint8Array<ArrayBuffer>;
  }
  interface Window { fwdFrames?: boolean; fwdHeard?: () => void; fwdComplete?: boolean }
}
export type { Numbers };
