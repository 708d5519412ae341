import type { NativeShape, NativeVectors } from "../src/inference/native/native-addon.ts";

/** A pair as tokens and their types. */
export interface EncodedPair {
  readonly ids: readonly number[];
  readonly types: readonly number[];
}

type Matrix = readonly Float64Array[];

/** What becomes of values where the kernels round them: nothing, or what native/README.md says of those vectors. */
export type Rounding = "none" | NativeVectors;

const SHIFT = 0.17;

/** The nearest bfloat16, ties to even. */
export function toBfloat16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] = ((bits[0] ?? 0) + 0x7fff + (((bits[0] ?? 0) >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0] ?? 0;
}

const HIGH_INPUTS = 16;
type Places = ReadonlySet<number>;

/** How many steps there are: of rows around zero, of rows from zero on, of weights, and of all that has a high byte. */
interface Steps {
  readonly row: number;
  readonly unsigned: number;
  readonly weight: number;
  readonly withHigh: number;
  /** What the positive weights of four that are added in 16 bits may come to, and the negative ones. */
  readonly ofFour: number;
}

const OF_VNNI = { row: 127, unsigned: 255, weight: 127, withHigh: 127 * 128, ofFour: Number.POSITIVE_INFINITY };
const STEPS: Readonly<Record<NativeVectors, Steps>> = {
  "avx512-bf16": OF_VNNI,
  "avx512-vnni": OF_VNNI,
  "avx2-vnni": OF_VNNI,
  avx2: { row: 95, unsigned: 189, weight: 127, withHigh: 31 * 128, ofFour: 172 },
};

/** The scale that has the largest magnitude at `most`, or at `mostWithHigh` in the places that have a high byte. */
function scaleOf(values: Float64Array, most: number, high: Places, mostWithHigh: number): number {
  const part = most / mostWithHigh;
  return values.reduce((top, value, i) => Math.max(top, Math.abs(value) * (high.has(i) ? part : 1)), 1e-20) / most;
}

function around(values: Float64Array, { row, withHigh }: Steps, high: Places = new Set()): Float64Array {
  const scale = scaleOf(values, row, high, withHigh);
  return values.map((value) => Math.round(value / scale) * scale);
}

/** An output's weights, whose scale grows by hundredths until what is added in 16 bits fits them. */
function roundWeights(weights: Float64Array, { weight, withHigh, ofFour }: Steps, high: Places): Float64Array {
  const largestOf = (values: Float64Array, part: (value: number) => number) =>
    Math.max(...fours(values).map((four) => four.reduce((sum, value) => sum + Math.max(0, part(value)), 0)));
  const most = (values: Float64Array) =>
    Math.max(
      largestOf(values, (x) => x),
      largestOf(values, (x) => -x),
    );
  const ordinary = weights.map((value, i) => (high.has(i) ? 0 : value));
  let scale = Math.max(scaleOf(weights, weight, high, withHigh), most(ordinary) / ofFour);
  const low = (value: number, i: number) => (high.has(i) ? ((((value + 64) % 128) + 128) % 128) - 64 : value);
  for (;;) {
    const integers = weights.map((value) => Math.round(value / scale));
    if (most(integers.map(low)) <= ofFour) return integers.map((value) => value * scale);
    scale *= 1.01;
  }
}

/** Two neighbours, and the two that are four behind them. */
function fours(values: Float64Array): number[][] {
  const firsts = [...values.keys()].filter((i) => i % 8 === 0 || i % 8 === 2);
  return firsts.map((i) => [i, i + 1, i + 4, i + 5].map((place) => values[place] ?? 0));
}

/** The places of the largest sums; of equal ones the first. */
function largest(sums: Float64Array): Places {
  return new Set([...sums.keys()].sort((a, b) => (sums[b] ?? 0) - (sums[a] ?? 0) || a - b).slice(0, HIGH_INPUTS));
}

/** The inputs whose weights are large beside the others' of an output. */
function heavyInputs(rows: Matrix): Places {
  const sums = new Float64Array(rows[0]?.length ?? 0);
  for (const row of rows) {
    const meanSquare = dot(row, row) / row.length;
    for (const [k, weight] of row.entries()) sums[k] = (sums[k] ?? 0) + (weight ** 2 / meanSquare) ** 2;
  }
  return largest(sums);
}

/** The texts by which a model's outliers are found: pieces by lot. */
function drawTexts({ vocabulary, positions, positionOffset, types }: NativeShape): EncodedPair[] {
  const length = Math.min(32, positions - positionOffset);
  let state = 1;
  const draw = () => {
    state = (state * 48271) % 2147483647;
    const piece = state % vocabulary;
    return piece === positionOffset - 1 ? (piece + 1) % vocabulary : piece;
  };
  return Array.from({ length: 8 }, () => ({
    ids: Array.from({ length }, draw),
    types: Array.from({ length }, (_, i) => Number(types > 1 && i > 0 && i >= Math.floor(length / 4))),
  }));
}

/** Multiples of a scale from -SHIFT to the largest of the row, which is the last step. */
function shifted(values: Float64Array, { unsigned }: Steps): Float64Array {
  const scale = (Math.max(0, ...values) + SHIFT) / unsigned;
  return values.map((value) => Math.round((value + SHIFT) / scale) * scale - SHIFT);
}

/** The error function, by its series and by a continued fraction: float64 to 1e-13. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 60; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (a + fraction) / Math.sqrt(Math.PI));
}

export const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2));

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

/** BERT's cross-encoder or embedder in plain float64, written from the model's definition and not from the kernels. */
export class ReferenceModel {
  readonly #shape: NativeShape;
  readonly #tensors: readonly Float32Array[];
  readonly #rounding: Rounding;
  readonly #steps: Steps;
  readonly #matrices = new Map<number, Matrix>();
  /** While outliers are looked for: by the tensor of the norm, fourth powers of its columns, summed over rows. */
  readonly #powers = new Map<number, Float64Array>();
  /** The outliers of each norm. */
  readonly #outliers = new Map<number, Places>();
  /** The largest score of any attention so far, in natural units. */
  largestScore = 0;

  constructor(shape: NativeShape, tensors: readonly Float32Array[], rounding: Rounding) {
    this.#shape = shape;
    this.#tensors = tensors;
    this.#rounding = rounding;
    this.#steps = rounding === "none" ? OF_VNNI : STEPS[rounding];
    if (rounding === "none") return;
    for (const text of drawTexts(shape)) this.outputs(text);
    for (const [norm, powers] of this.#powers) this.#outliers.set(norm, largest(powers));
    this.largestScore = 0;
  }

  /** Logits, or a vector. */
  outputs(pair: EncodedPair): number[] {
    const { layers, hidden, output } = this.#shape;
    let rows = this.#embed(pair);
    for (let layer = 0; layer < layers; layer++) {
      // Of the last layer the head reads one row, and its attention is not rounded. A mean reads all.
      const isLast = layer === layers - 1 && output !== "mean";
      rows = this.#layer(rows, 5 + 16 * layer, isLast);
    }
    if (output === "first") return [...(rows[0] ?? [])];
    if (output === "mean") {
      return Array.from({ length: hidden }, (_, d) => rows.reduce((sum, row) => sum + (row[d] ?? 0), 0) / rows.length);
    }
    const head = 5 + 16 * layers;
    const dense = this.#linear(rows[0] ?? new Float64Array(), head).map(
      this.#shape.headActivation === "tanh" ? Math.tanh : gelu,
    );
    return [...this.#linear(dense, head + 2)];
  }

  #embed({ ids, types }: EncodedPair): Matrix {
    const { positionOffset } = this.#shape;
    const padding = positionOffset - 1;
    let position = padding;
    return ids.map((id, token) => {
      const isPadding = positionOffset > 0 && id === padding;
      if (!isPadding) position++;
      const word = this.#row(0, id).map((value) => (this.#rounding === "none" ? value : toBfloat16(value)));
      const place = this.#row(1, isPadding ? padding : position);
      const type = this.#row(2, types[token] ?? 0);
      return this.#norm(
        word.map((value, i) => value + (place[i] ?? 0) + (type[i] ?? 0)),
        3,
      );
    });
  }

  #layer(rows: Matrix, at: number, isLast: boolean): Matrix {
    const read = isLast ? rows.slice(0, 1) : rows;
    const context = this.#attend(read, rows, at, isLast);
    return read.map((row, i) => {
      const attended = this.#quantizedLinear((x) => around(x, this.#steps), context[i] ?? new Float64Array(), at + 6);
      const middle = this.#norm(
        row.map((value, d) => value + (attended[d] ?? 0)),
        at + 8,
      );
      const inner = this.#quantizedLinear(this.#aroundOutliers(at + 8), middle, at + 10).map(gelu);
      const out = this.#quantizedLinear((x) => shifted(x, this.#steps), inner, at + 12, heavyInputs);
      return this.#norm(
        middle.map((value, d) => value + (out[d] ?? 0)),
        at + 14,
      );
    });
  }

  #attend(read: Matrix, rows: Matrix, at: number, isLast: boolean): Matrix {
    const { hidden, heads } = this.#shape;
    const size = hidden / heads;
    const isRounded = this.#rounding === "avx512-bf16" && !isLast;
    const round = (x: number) => (isRounded ? toBfloat16(x) : x);
    const project = (x: Float64Array, tensor: number) =>
      isLast ? this.#linear(x, tensor) : this.#quantizedLinear(this.#aroundOutliers(at - 2), x, tensor);
    // The kernels' factor of the query makes a share a power of two; it is part of what they round.
    const factor = Math.LOG2E / Math.sqrt(size);
    const queries = read.map((row) => project(row, at).map((x) => round(x * factor)));
    const keys = rows.map((row) => project(row, at + 2).map(round));
    const values = rows.map((row) => project(row, at + 4).map(round));
    return queries.map((query) => {
      const context = new Float64Array(hidden);
      for (let first = 0; first < hidden; first += size) {
        const part = query.subarray(first, first + size);
        const scores = keys.map((key) => dot(part, key.subarray(first, first + size)));
        const top = Math.max(...scores);
        this.largestScore = Math.max(this.largestScore, ...scores.map((score) => Math.abs(score) * Math.LN2));
        // Without a largest score subtracted, as the kernels do it, what is rounded has other digits.
        const shares = scores.map((score) => 2 ** (isRounded && top <= 64 ? score : score - top));
        const sum = shares.reduce((total, share) => total + share, 0);
        const rounded = shares.map(round);
        values.forEach((value, t) => {
          for (let d = first; d < first + size; d++)
            context[d] = (context[d] ?? 0) + ((rounded[t] ?? 0) * (value[d] ?? 0)) / sum;
        });
      }
      return context;
    });
  }

  /** Rows of the norm at `tensor`. */
  #aroundOutliers(tensor: number): (row: Float64Array) => Float64Array {
    return (row) => around(row, this.#steps, this.#outliers.get(tensor));
  }

  #quantizedLinear(
    quantize: (row: Float64Array) => Float64Array,
    x: Float64Array,
    tensor: number,
    findHigh: (rows: Matrix) => Places = () => new Set(),
  ): Float64Array {
    if (this.#rounding === "none") return this.#linear(x, tensor);
    return this.#linear(quantize(x), tensor, (rows) => {
      const high = findHigh(rows);
      return rows.map((row) => roundWeights(row, this.#steps, high));
    });
  }

  #linear(x: Float64Array, tensor: number, round = (rows: Matrix) => rows): Float64Array {
    const bias = this.#tensors[tensor + 1] ?? new Float32Array();
    let rows = this.#matrices.get(tensor);
    if (!rows) {
      rows = round(Array.from(bias, (_, output) => this.#row(tensor, output, x.length)));
      this.#matrices.set(tensor, rows);
    }
    return Float64Array.from(rows, (row, output) => (bias[output] ?? 0) + dot(x, row));
  }

  #norm(x: Float64Array, tensor: number): Float64Array {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    const weight = this.#row(tensor, 0);
    const bias = this.#row(tensor + 1, 0);
    const row = x.map(
      (value, i) => ((value - mean) / Math.sqrt(variance + this.#shape.epsilon)) * (weight[i] ?? 0) + (bias[i] ?? 0),
    );
    if (this.#rounding !== "none" && !this.#outliers.has(tensor)) {
      const powers = this.#powers.get(tensor) ?? new Float64Array(row.length);
      this.#powers.set(
        tensor,
        powers.map((sum, i) => sum + (row[i] ?? 0) ** 4),
      );
    }
    return row;
  }

  #row(tensor: number, row: number, size = this.#shape.hidden): Float64Array {
    return Float64Array.from(this.#tensors[tensor]?.subarray(row * size, (row + 1) * size) ?? []);
  }
}
