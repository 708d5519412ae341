import { firstQuery } from "./attention.ts";
import { type EncoderContext, linearAt } from "./encoder-context.ts";
import type { Value } from "./graph-writer.ts";

export interface FirstRowAttention {
  readonly size: number;
  readonly heads: number;
  /** Where the three projections are. */
  readonly names: { readonly query: string; readonly key: string; readonly value: string };
  /** Added to the scores; each is broadcast to `[batch, heads, sequence, sequence]`. */
  readonly biases: readonly Value[];
}

/**
 * Attention of the first token alone, without the keys and values of the others: with one query, `q · (W x + b)` is
 * `(q W) · x` and a number that the softmax takes out, and a weighted sum of `W x + b` is `W` times the weighted sum of
 * `x`, and `b`. Exact, and two products of the whole text less. Float32 in every format: hardly anything is left.
 *
 * @param first the first row, `[batch, 1, size]`
 * @returns `[batch, 1, size]`
 */
export function attendFromFirstRow(
  context: EncoderContext,
  hidden: Value,
  first: Value,
  { size, heads, names, biases }: FirstRowAttention,
): Value {
  const { checkpoint, graph, layers } = context;
  const headSize = size / heads;
  const weight = (name: string) => checkpoint.weight(`${name}.weight`, [size, size]);
  const query = linearAt(context, first, names.query, size, size, { precise: true });
  // Moves no score, but a checkpoint without it is incomplete, and is refused as any other.
  checkpoint.weight(`${names.key}.bias`, [size]);
  const scaled = graph.apply("Mul", [query, graph.number(headSize ** -0.5)]);
  const byHead = graph.apply("Reshape", [scaled, graph.integers(0, heads, 1, headSize)]);
  const looked = graph.apply("MatMul", [byHead, layers.headRows(weight(names.key), heads)]);
  const rows = graph.apply("Reshape", [looked, graph.integers(0, heads, size)]);
  const scores = graph.applyMicrosoft("FusedMatMul", [rows, hidden], { transB: 1 });
  const shares = graph.apply("Softmax", [addBiases(context, scores, biases)], { axis: -1 });
  const mixed = graph.apply("Reshape", [graph.apply("MatMul", [shares, hidden]), graph.integers(0, heads, 1, size)]);
  const values = graph.apply("MatMul", [mixed, layers.headColumns(weight(names.value), heads)]);
  const attended = graph.apply("Reshape", [values, graph.integers(0, 1, size)]);
  return graph.apply("Add", [attended, layers.vector(checkpoint.weight(`${names.value}.bias`, [size]))]);
}

/** To scores of one query, `[batch, heads, sequence]`. */
function addBiases({ graph }: EncoderContext, scores: Value, biases: readonly Value[]): Value {
  const axis = graph.integers(2);
  return biases.reduce(
    (sum, bias) => graph.apply("Add", [sum, graph.apply("Squeeze", [firstQuery(graph, bias), axis])]),
    scores,
  );
}
