import type { PrunedShape, PrunedTensor } from "../src/inference/native/native-addon.ts";
import { dot, type EncodedPair, gelu } from "./reference-model.suite.ts";

type Matrix = readonly Float64Array[];
/** `first` is the [CLS] of the document; the query's own is one of its tokens. */
type Text = "first" | "query" | "document";

interface Linear {
  readonly rows: Matrix;
  readonly bias: Float64Array;
}

interface Norm {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}

interface Layer {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly attended: Linear;
  readonly attendedNorm: Norm;
  readonly inner: Linear;
  readonly outer: Linear;
  readonly outerNorm: Norm;
}

/**
 * The package's own cross-encoder in plain float64, written from `training/cross_encoder.py`: masks over all tokens, and
 * the tokens that go on found by sorting.
 */
export class PrunedReference {
  readonly #shape: PrunedShape;
  readonly #words: Uint8Array;
  readonly #wordScales: Float64Array;
  readonly #importance: Float64Array;
  readonly #inverseFrequency: Float64Array;
  readonly #positions: Matrix;
  readonly #norm: Norm;
  readonly #layers: readonly Layer[];
  readonly #project: Linear;
  readonly #sentence: Linear;
  readonly #pooler: Linear;
  readonly #classifier: Float64Array;

  constructor(shape: PrunedShape, tensors: readonly PrunedTensor[]) {
    this.#shape = shape;
    const { hidden, inner } = shape;
    const rest = [...tensors];
    const take = () => rest.shift() ?? new Float32Array();
    const floats = () => Float64Array.from(take());
    const norm = (): Norm => ({ weight: floats(), bias: floats() });
    const linear = (inputs: number, outputs: number): Linear => {
      const [weights, scales, bias] = [take(), take(), floats()];
      const row = (output: number) =>
        Float64Array.from({ length: inputs }, (_, k) => (weights[k * outputs + output] ?? 0) * (scales[output] ?? 0));
      return { rows: Array.from({ length: outputs }, (_, output) => row(output)), bias };
    };
    this.#words = take() as Uint8Array;
    this.#wordScales = floats();
    this.#importance = floats();
    this.#inverseFrequency = floats();
    const [places, placeScales] = [take(), take()];
    this.#positions = Array.from({ length: shape.positions }, (_, place) =>
      Float64Array.from(places.subarray(place * hidden, (place + 1) * hidden), (x) => x * (placeScales[place] ?? 0)),
    );
    this.#norm = norm();
    this.#layers = Array.from({ length: shape.layers }, () => ({
      query: linear(hidden, hidden),
      key: linear(hidden, hidden),
      value: linear(hidden, hidden),
      attended: linear(hidden, hidden),
      attendedNorm: norm(),
      inner: linear(hidden, inner),
      outer: linear(inner, hidden),
      outerNorm: norm(),
    }));
    this.#project = linear(hidden, hidden);
    this.#sentence = linear(hidden, hidden);
    this.#pooler = linear(hidden, hidden);
    this.#classifier = floats();
  }

  logit(pair: EncodedPair): number {
    const { ids, texts } = withFirst(pair);
    const chosen = this.chooseTokens(pair);
    const all = this.#embed(ids, texts);
    const textsOfKept = chosen.map((token) => texts[token] as Text);
    let rows: Matrix = chosen.map((token) => all[token] as Float64Array);
    let first: Matrix = [];
    for (const [index, layer] of this.#layers.entries()) {
      rows =
        index === 0
          ? this.#layer(layer, rows, textsOfKept, all, texts)
          : this.#layer(layer, rows, textsOfKept, rows, textsOfKept);
      if (index === 0) first = rows;
    }
    const weights = chosen.map((token) => this.#importance[ids[token] as number] as number);
    const { bias, matched, alike, first: firstFactor, classifierBias } = this.#shape;
    const pooled = linearOf(this.#pooler, rows[0] as Float64Array).map(Math.tanh);
    return (
      bias +
      matched * this.#match(first, weights, textsOfKept) +
      alike * this.#alike(rows, weights, textsOfKept) +
      firstFactor * (dot(pooled, this.#classifier) + classifierBias) +
      this.#lexical(ids, texts)
    );
  }

  /** The document's [CLS], which is token 0, the query's tokens, and the document's most important ones. */
  chooseTokens(pair: EncodedPair): number[] {
    const { ids, texts } = withFirst(pair);
    const tokensOf = (text: Text) => ids.flatMap((_, token) => (texts[token] === text ? [token] : []));
    const [query, document] = [tokensOf("query"), tokensOf("document")];
    const queryPieces = new Set(query.map((token) => ids[token]));
    const wanted = (token: number) =>
      (this.#importance[ids[token] as number] as number) * (queryPieces.has(ids[token]) ? 2 : 1);
    const { keepPercent, keepUncounted, keepAtLeast } = this.#shape;
    const share = Math.ceil(((document.length - keepUncounted) * keepPercent) / 100);
    const count = Math.max(share, Math.min(document.length, keepAtLeast));
    return [0, ...query, ...document.toSorted((a, b) => wanted(b) - wanted(a) || a - b).slice(0, count)];
  }

  #embed(ids: readonly number[], texts: readonly Text[]): Matrix {
    const half = this.#shape.hidden / 2;
    const queryLength = texts.filter((text) => text === "query").length;
    return ids.map((id, token) => {
      const packed = this.#words.subarray(id * half, (id + 1) * half);
      const word = [...packed.map((byte) => byte & 15), ...packed.map((byte) => byte >> 4)];
      // Both texts count from their own [CLS].
      const place = texts[token] === "document" ? token - queryLength : Math.max(token - 1, 0);
      return normalize(
        Float64Array.from(word, (x, d) => (x - 8) * (this.#wordScales[id] ?? 0) + (this.#positions[place]?.[d] ?? 0)),
        this.#norm,
        this.#shape.epsilon,
      );
    });
  }

  #layer(layer: Layer, rows: Matrix, rowTexts: readonly Text[], columns: Matrix, columnTexts: readonly Text[]): Matrix {
    const { epsilon } = this.#shape;
    const context = this.#attend(layer, rows, rowTexts, columns, columnTexts);
    return rows.map((row, i) => {
      const attended = linearOf(layer.attended, context[i] as Float64Array);
      const middle = normalize(sum(row, attended), layer.attendedNorm, epsilon);
      const inner = linearOf(layer.inner, middle).map(gelu);
      return normalize(sum(middle, linearOf(layer.outer, inner)), layer.outerNorm, epsilon);
    });
  }

  #attend(
    layer: Layer,
    rows: Matrix,
    rowTexts: readonly Text[],
    columns: Matrix,
    columnTexts: readonly Text[],
  ): Matrix {
    const { hidden, heads } = this.#shape;
    const size = hidden / heads;
    const queries = rows.map((row) => linearOf(layer.query, row));
    const keys = columns.map((row) => linearOf(layer.key, row));
    const values = columns.map((row) => linearOf(layer.value, row));
    return queries.map((query, i) => {
      const seen = columns.flatMap((_, j) => (mayAttend(rowTexts[i], columnTexts[j]) ? [j] : []));
      const context = new Float64Array(hidden);
      for (let at = 0; at < hidden; at += size) {
        const part = query.subarray(at, at + size);
        const scores = seen.map((j) => dot(part, (keys[j] as Float64Array).subarray(at, at + size)));
        const top = Math.max(...scores);
        const shares = scores.map((score) => Math.exp((score - top) / Math.sqrt(size)));
        const total = shares.reduce((a, b) => a + b, 0);
        for (const [k, j] of seen.entries()) {
          const share = (shares[k] as number) / total;
          for (let d = at; d < at + size; d++) context[d] = (context[d] ?? 0) + share * (values[j]?.[d] ?? 0);
        }
      }
      return context;
    });
  }

  #match(first: Matrix, weights: readonly number[], texts: readonly Text[]): number {
    const vectors = first.map((row) => unit(linearOf(this.#project, row)));
    let [total, mass] = [0, 0];
    for (const [i, vector] of vectors.entries()) {
      if (texts[i] !== "query") continue;
      const cosines = vectors.map((other, j) => dot(vector, other) - (texts[j] === "document" ? 0 : 4));
      total += (weights[i] as number) * Math.max(...cosines);
      mass += weights[i] as number;
    }
    return total / Math.max(mass, 1e-6);
  }

  #alike(rows: Matrix, weights: readonly number[], texts: readonly Text[]): number {
    const [query, document] = [true, false].map((isQuery) => {
      const shares = rows.map((_, i) =>
        isQuery ? Number(texts[i] === "query") : texts[i] === "document" ? (weights[i] as number) : 0,
      );
      const mass = Math.max(
        shares.reduce((a, b) => a + b, 0),
        1e-6,
      );
      const mean = new Float64Array(this.#shape.hidden);
      for (const [i, row] of rows.entries())
        for (const [d, x] of row.entries()) mean[d] = (mean[d] ?? 0) + ((shares[i] as number) / mass) * x;
      return unit(linearOf(this.#sentence, mean));
    }) as [Float64Array, Float64Array];
    return dot(query, document);
  }

  #lexical(ids: readonly number[], texts: readonly Text[]): number {
    const { lexicalRise, lexicalSlope, lexicalRoom, lexicalMass } = this.#shape;
    const document = ids.filter((_, token) => texts[token] === "document");
    let total = 0;
    for (const id of ids.filter((_, token) => texts[token] === "query")) {
      const count = document.filter((other) => other === id).length;
      const rise = (lexicalRise * count) / (count + lexicalSlope * document.length + lexicalRoom);
      total += (this.#inverseFrequency[id] as number) * (rise + lexicalMass);
    }
    return total;
  }
}

/** A pair's tokens with the document's [CLS] in front. */
function withFirst({ ids, types }: EncodedPair): { readonly ids: readonly number[]; readonly texts: readonly Text[] } {
  const texts = types.map((type): Text => (type === 0 ? "query" : "document"));
  return { ids: [ids[0] as number, ...ids], texts: ["first", ...texts] };
}

/** A query attends to itself, a document to itself and its [CLS], which attends to everything. */
function mayAttend(row: Text | undefined, column: Text | undefined): boolean {
  return row === column || row === "first" || (row === "document" && column === "first");
}

function linearOf({ rows, bias }: Linear, x: Float64Array): Float64Array {
  return Float64Array.from(rows, (row, output) => (bias[output] ?? 0) + dot(x, row));
}

function sum(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((x, i) => x + (b[i] ?? 0));
}

function unit(x: Float64Array): Float64Array {
  const length = Math.max(Math.sqrt(dot(x, x)), 1e-12);
  return x.map((value) => value / length);
}

function normalize(x: Float64Array, { weight, bias }: Norm, epsilon: number): Float64Array {
  const mean = x.reduce((total, value) => total + value, 0) / x.length;
  const variance = x.reduce((total, value) => total + (value - mean) ** 2, 0) / x.length;
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * (weight[i] ?? 0) + (bias[i] ?? 0));
}
