// What the widgets' modules receive: anywidget's model, and those parts of plotly that they use.

export type TypedArray =
  | Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> | Int8Array<ArrayBuffer> | Int16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
export type Numbers = number[] | TypedArray;
export type Bytes = Uint8Array<ArrayBuffer> | DataView<ArrayBuffer>;
/** Buffers by number: a list, or an object of a page that looks one up. */
export type Buffers = { readonly [number: number]: Bytes };
/** JSON that may hold arrays: pack() in shared/plot.py. */
export type Packed = unknown;
/** Where an array is: the number of its buffer, and NumPy's name for its type. */
export type PackedArray = { buffer: number; dtype: string; shape: number[] };
/** Values by dotted path, such as "annotations[1].text". */
export type Patch = { [path: string]: unknown };

/** The kernel's half of a widget, seen from its page; without a kernel, a Part. */
export interface Model<State> {
  get<Name extends keyof State & string>(name: Name): State[Name];
  set<Name extends keyof State & string>(name: Name, value: State[Name]): void;
  save_changes(): void;
  send(content: { kind: string; [name: string]: unknown }): void;
  on(names: string, listener: Listener): void;
  off(names: string, listener: Listener): void;
  widget_manager: { get_model<Other = Patch>(id: string): Promise<Model<Other>> };
}
export type Listener = (...what: any[]) => void;
export interface Place<State> { model: Model<State>; el: HTMLElement; signal?: AbortSignal }

// --- plotly ---------------------------------------------------------------------------------------

export interface Font { size?: number; color?: string; family?: string }
/** How a heatmap is laid out, so that its cells can be named: hover_cells() in figures. */
export interface Mosaic { kind: string; tile: [number, number]; tiles: [number, number]; first: [number, number, number] }
/** How many cells a matrix with printed numbers has, and letters in the longest number. */
export interface Matrix { cells: [number, number]; letters: number; tile?: undefined }
export interface Marker { color: string | string[]; size: number | number[]; symbol?: string }
interface AnyTrace {
  name?: string;
  visible?: boolean;
  hoverinfo?: string;
  xaxis: string;
  yaxis: string;
  textfont?: Font;
  texttemplate?: string;
  customdata?: unknown;
  meta?: Mosaic | Matrix;
}
export interface Heatmap extends AnyTrace {
  type: "heatmap";
  z: Numbers[];
  coloraxis: string;
  xgap?: number;
  ygap?: number;
}
export interface Bars extends AnyTrace {
  type: "bar";
  x: Numbers;
  y: Numbers;
  text?: string[];
  hovertext?: string[];
  orientation?: string;
  marker: { color: string | string[] };
}
export interface Scatter extends AnyTrace {
  type: "scatter";
  x: Numbers;
  y: Numbers;
  text?: string | string[];
  hovertext?: string[];
  mode?: string;
  orientation?: undefined;
  line?: { color?: string; width?: number; dash?: string };
  marker?: Marker;
}
export type Trace = Heatmap | Bars | Scatter;
export interface Axis {
  domain?: [number, number];
  range?: [number, number];
  overlaying?: string;
  scaleanchor?: string;
  side?: string;
  visible?: boolean;
  showline?: boolean;
  linecolor: string;
  zeroline?: boolean;
  zerolinecolor: string;
  ticktext?: string[];
  /** where the names of `ticktext` stand */
  tickvals: number[];
  tickfont?: Font;
  tickangle?: number;
  ticklabelstandoff?: number;
  _inputRange?: unknown;
}
export interface ColorAxis {
  cmin: number;
  cmax: number;
  colorscale: [number, string][];
  showscale?: boolean;
  colorbar: {
    orientation?: string; len: number; thickness: number; x: number; y: number; xpad: number; ypad: number;
    outlinecolor: string; tickvals: number[]; tickfont?: Font;
  };
}
export interface Annotation { text: string; x: number; y: number; yshift: number; font: Required<Font> }
export interface Shape { visible?: boolean; xref: string; yref: string; fillcolor: string }
export interface Layout {
  width: number;
  height: number;
  margin: { l: number; r: number; t: number; b: number };
  bargap: number;
  font: Required<Font>;
  annotations: Annotation[];
  shapes?: Shape[];
  /** "xaxis", "yaxis2", "coloraxis3" */
  [name: string]: unknown;
}
export interface Drawn { data: Trace[]; layout: Layout }

/** The element in which plotly draws; plotly keeps on it what it drew. */
export interface Stage extends HTMLElement {
  data?: Trace[];
  layout: Layout;
  _fullLayout?: { [name: string]: Axis | undefined };
  on(event: string, listener: (event: { points: { curveNumber: number; x: number; y: number }[] }) => void): void;
}
export interface Plotly {
  react(stage: Stage, data: Trace[], layout: Layout, config: object): unknown;
  update(stage: Stage, values: Patch, layout: Patch, traces: number[]): unknown;
  relayout(stage: Stage, layout: Patch): unknown;
  animate(stage: Stage, frame: object, settings: object): Promise<unknown>;
  purge(stage: Stage): void;
}

// --- state of each module -------------------------------------------------------------------------

export interface Tree { data: Packed; layout: Packed; [name: string]: Packed }
export interface PlotState { _shown: { tree: Tree; buffers: Buffers }; _library: string; old: boolean }
/** A figure whose arrays are unpacked; what it shows by the least width for it, and by theme. */
export interface Figure {
  revision: number;
  label: string;
  data: Trace[];
  layout: Layout;
  views: { [width: string]: Patch };
  themes: { dark: Patch; light: Patch };
  config: object;
}
/** One message: the whole figure, or what changed in it. */
export type Message =
  | { kind: "whole"; tree: Tree }
  | { kind: "draw"; revision: number; label: string; traces: Packed; layout: Packed };
export interface StepsState {
  /** name, operation, shape, source, and whether it can be chosen */
  rows: [string, string, string, string, boolean][];
  chosen: string;
  choosable: boolean;
  caption: string;
}
export interface TableState {
  rows: string[];
  columns: string[];
  results: string[];
  value: string[][];
  texts: string[][];
  chosen: number;
  revision: number;
}
export interface FrameState { number: number; title: string; controls: { [name: string]: string } }

declare global {
  // Once per page, however many figures it has.
  var __fwdwidgets_plotly: Promise<Plotly> | undefined;
  /** Of newer browsers. */
  var scheduler: { postTask?(task: () => void, options: { priority: string }): unknown } | undefined;
}
