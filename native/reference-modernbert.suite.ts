import type { ModernbertShape } from "../src/inference/native/native-addon.ts";
import { layerAt } from "./random-modernbert.suite.ts";
import { dot, type EncodedPair, gelu } from "./reference-model.suite.ts";

type Row = Float64Array;

/** ModernBERT, a cross-encoder or an embedder, in plain float64, written from the model's definition and not from the kernels. */
export class ModernbertReference {
  readonly #shape: ModernbertShape;
  readonly #tensors: readonly Float32Array[];
  readonly #rows = new Map<number, readonly Row[]>();
  /** The largest score of any attention so far, in natural units. */
  largestScore = 0;

  constructor(shape: ModernbertShape, tensors: readonly Float32Array[]) {
    this.#shape = shape;
    this.#tensors = tensors;
  }

  outputs({ ids }: EncodedPair): number[] {
    const { layers, epsilon, pooling, output, headEpsilon = 0, headActivation } = this.#shape;
    let rows = ids.map((id) => this.#norm(this.#row(0, id), 1, epsilon));
    for (let layer = 0; layer < layers; layer++) rows = this.#layer(rows, layer);
    const normed = rows.map((row) => this.#norm(row, layerAt(layers - 1) + 10, epsilon));
    const pooled = pooling === "cls" ? (normed[0] as Row) : meanOf(normed);
    if (output === "embedding") return [...pooled];
    const head = layerAt(layers);
    const dense = this.#linear(pooled, head).map((x) => (headActivation === "gelu" ? gelu(x) : x));
    return [...this.#linear(this.#norm(dense, head + 2, headEpsilon), head + 4)];
  }

  #layer(rows: readonly Row[], layer: number): Row[] {
    const { epsilon, inner } = this.#shape;
    const at = layerAt(layer);
    // The first layer's input is normalised already; another's norm stands behind the layer before it.
    const normed = layer === 0 ? rows : rows.map((row) => this.#norm(row, at - 2, epsilon));
    const context = this.#attend(normed, layer);
    return rows.map((row, i) => {
      const middle = add(row, this.#linear(context[i] as Row, at + 2));
      const wide = this.#linear(this.#norm(middle, at + 4, epsilon), at + 6);
      const gated = wide.subarray(0, inner).map((x, k) => gelu(x) * (wide[inner + k] as number));
      return add(middle, this.#linear(gated, at + 8));
    });
  }

  #attend(rows: readonly Row[], layer: number): Row[] {
    const { hidden, heads, isGlobal, reach } = this.#shape;
    const size = hidden / heads;
    const projected = rows.map((row) => this.#linear(row, layerAt(layer)));
    const part = (row: Row, which: number, head: number) =>
      row.subarray(which * hidden + head * size, which * hidden + (head + 1) * size);
    const known = new Map<number, Row[]>();
    const turned = (which: number, head: number) => {
      const key = which * heads + head;
      const found = known.get(key) ?? projected.map((row, i) => this.#turn(part(row, which, head), i, layer));
      known.set(key, found);
      return found;
    };
    return rows.map((_, i) => {
      const context = new Float64Array(hidden);
      for (let head = 0; head < heads; head++) {
        const query = turned(0, head)[i] as Row;
        const keys = turned(1, head);
        const seen = [...rows.keys()].filter((j) => isGlobal[layer] === 1 || Math.abs(i - j) <= reach);
        const scores = seen.map((j) => dot(query, keys[j] as Row) / Math.sqrt(size));
        this.largestScore = Math.max(this.largestScore, ...scores.map(Math.abs));
        const top = Math.max(...scores);
        const shares = scores.map((score) => Math.exp(score - top));
        const sum = shares.reduce((total, share) => total + share, 0);
        for (const [k, j] of seen.entries()) {
          part(projected[j] as Row, 2, head).forEach((value, d) => {
            const place = head * size + d;
            context[place] = (context[place] as number) + ((shares[k] as number) / sum) * value;
          });
        }
      }
      return context;
    });
  }

  /** Each number of a head's first half together with its like of the second. */
  #turn(x: Row, position: number, layer: number): Row {
    const half = x.length / 2;
    const table = this.#shape.isGlobal[layer] === 1 ? 3 : 5;
    const [cosines, sines] = [this.#row(table, position, half), this.#row(table + 1, position, half)];
    return x.map((value, d) => {
      const [cosine, sine] = [cosines[d % half] as number, sines[d % half] as number];
      return d < half
        ? value * cosine - (x[d + half] as number) * sine
        : value * cosine + (x[d - half] as number) * sine;
    });
  }

  #linear(x: Row, tensor: number): Row {
    return this.#row(tensor + 1, 0, this.#tensors[tensor + 1]?.length).map(
      (shift, output) => shift + dot(x, this.#row(tensor, output, x.length)),
    );
  }

  #norm(x: Row, tensor: number, epsilon: number): Row {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    const [weight, bias] = [this.#row(tensor, 0), this.#row(tensor + 1, 0)];
    return x.map(
      (value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * (weight[i] as number) + (bias[i] as number),
    );
  }

  #row(tensor: number, row: number, size = this.#shape.hidden): Row {
    let rows = this.#rows.get(tensor);
    if (!rows) {
      const values = this.#tensors[tensor] as Float32Array;
      rows = Array.from({ length: values.length / size }, (_, i) =>
        Float64Array.from(values.subarray(i * size, (i + 1) * size)),
      );
      this.#rows.set(tensor, rows);
    }
    return rows[row] as Row;
  }
}

function add(a: Row, b: Row): Row {
  return a.map((value, i) => value + (b[i] as number));
}

function meanOf(rows: readonly Row[]): Row {
  const sum = rows.reduce(add);
  return sum.map((value) => value / rows.length);
}
