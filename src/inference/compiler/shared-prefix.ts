import type { GraphWriter, Value } from "./graph-writer.ts";

/** The inputs of keys and values that were made before begin with it. */
const TAKEN = "prefix.";
/** And the outputs of those that a run makes. */
const MADE = "present.";

/** The output of a compiled graph whose tensor, of one text, is what the input of this name takes; `undefined` for another kind of input. */
export function sourceOfPrefix(inputName: string): string | undefined {
  return inputName.startsWith(TAKEN) ? `${MADE}${inputName.slice(TAKEN.length)}` : undefined;
}

/** The lengths of such an input's tensor for a prefix of no tokens. */
export function shapeWithoutPrefix(shape: readonly (number | string)[]): number[] {
  return shape.map((size) => (typeof size === "number" ? size : 0));
}

export interface KeysAndValues {
  /** `[batch, heads, tokens, size]`, as are the values. Keys are turned by their positions. */
  readonly keys: Value;
  readonly values: Value;
}

/**
 * Lets a decoder go on behind tokens that it has read: no token of a prefix sees what comes after it, so what a prefix makes
 * of itself is the same for all texts that begin with it. The graph takes its keys and values, of no token where there is no
 * prefix, and gives those of the tokens that it reads.
 */
export class SharedPrefix {
  readonly #graph: GraphWriter;
  readonly #heads: number;
  readonly #size: number;
  readonly #first: KeysAndValues;
  readonly #made: KeysAndValues[] = [];
  /** How many tokens there are, as one int64. */
  readonly length: Value;
  #repeats: Value | undefined;

  constructor(graph: GraphWriter, heads: number, size: number) {
    this.#graph = graph;
    this.#heads = heads;
    this.#size = size;
    this.#first = this.#takeLayer(0);
    this.length = graph.apply("Gather", [graph.apply("Shape", [this.#first.keys]), graph.integer(2)]);
  }

  /** The keys and values of a layer, those of the prefix before the text's own. Called for one layer after the other. */
  before(own: KeysAndValues): KeysAndValues {
    const layer = this.#made.push(own) - 1;
    const { keys, values } = layer === 0 ? this.#first : this.#takeLayer(layer);
    return { keys: this.#join(keys, own.keys), values: this.#join(values, own.values) };
  }

  /** A mask of the text's tokens, `[batch, sequence]`, for all keys: every token of the prefix counts. */
  widen(mask: Value): Value {
    const graph = this.#graph;
    const length = graph.apply("Unsqueeze", [this.length, graph.integers(0)]);
    const widths = graph.apply("Concat", [graph.integers(0), length, graph.integers(0, 0)], { axis: 0 });
    return graph.apply("Pad", [mask, widths, graph.integer(1)]);
  }

  /** Makes what was read an output, behind the graph's own. */
  giveOutputs(): void {
    const shape = ["batch", this.#heads, "sequence", this.#size];
    for (const [layer, { keys, values }] of this.#made.entries()) {
      this.#graph.output(`${MADE}${layer}.key`, keys, shape);
      this.#graph.output(`${MADE}${layer}.value`, values, shape);
    }
  }

  #takeLayer(layer: number): KeysAndValues {
    const shape = [1, this.#heads, "prefix", this.#size];
    return {
      keys: this.#graph.input(`${TAKEN}${layer}.key`, "float32", shape),
      values: this.#graph.input(`${TAKEN}${layer}.value`, "float32", shape),
    };
  }

  #join(taken: Value, own: Value): Value {
    const graph = this.#graph;
    this.#repeats ??= this.#batchOf(own);
    return graph.apply("Concat", [graph.apply("Expand", [taken, this.#repeats]), own], { axis: 2 });
  }

  /** `[batch, 1, 1, 1]` */
  #batchOf(x: Value): Value {
    const batch = this.#graph.apply("Shape", [x], { start: 0, end: 1 });
    return this.#graph.apply("Concat", [batch, this.#graph.integers(1, 1, 1)], { axis: 0 });
  }
}
