import type { GraphWriter, Value } from "./graph-writer.ts";

/** Lower than any score, and finite, so that a row whose keys are all masked gives numbers. */
const MASKED = -3.4028234663852886e38;

/** 0 where a token counts and a very negative number where it is padding: `[batch, 1, 1, sequence]`. */
export function paddingBias(graph: GraphWriter, attentionMask: Value): Value {
  const padding = graph.apply("Sub", [graph.number(1), graph.apply("Cast", [attentionMask], { to: 1 })]);
  const bias = graph.apply("Mul", [padding, graph.number(MASKED)]);
  return graph.apply("Unsqueeze", [bias, graph.integers(1, 2)]);
}

/** 0 where `allowed` (bool) holds and a very negative number elsewhere. */
export function biasWhere(graph: GraphWriter, allowed: Value): Value {
  return graph.apply("Where", [allowed, graph.number(0), graph.number(MASKED)]);
}

/** The positions 0 to sequence - 1, as int64. */
export function positions(graph: GraphWriter, ids: Value): Value {
  return graph.apply("Range", [graph.integer(0), sequenceLength(graph, ids), graph.integer(1)]);
}

/** The sequence's length as one int64. */
export function sequenceLength(graph: GraphWriter, ids: Value): Value {
  return graph.apply("Gather", [graph.apply("Shape", [ids]), graph.integer(1)]);
}

/** `[batch, sequence, heads · size]` into `[batch, heads, sequence, size]`. */
export function splitHeads(graph: GraphWriter, x: Value, heads: number, size: number): Value {
  const split = graph.apply("Reshape", [x, graph.integers(0, 0, heads, size)]);
  return graph.apply("Transpose", [split], { perm: [0, 2, 1, 3] });
}

/** The same for keys, each head transposed: `[batch, heads, size, sequence]`. */
export function splitKeys(graph: GraphWriter, x: Value, heads: number, size: number): Value {
  const split = graph.apply("Reshape", [x, graph.integers(0, 0, heads, size)]);
  return graph.apply("Transpose", [split], { perm: [0, 2, 3, 1] });
}

export interface AttentionInputs {
  /** `[batch, heads, queries, size]` */
  readonly query: Value;
  /** `[batch, heads, size, sequence]` */
  readonly key: Value;
  /** `[batch, heads, sequence, size]` */
  readonly value: Value;
  readonly scale: number;
  /** Added to the scores before they are scaled. */
  readonly unscaledBiases?: readonly Value[] | undefined;
  /** Added to the scores; each is broadcast to `[batch, heads, queries, sequence]`. */
  readonly biases: readonly Value[];
}

/** Softmax attention: `[batch, queries, heads · size]`. */
export function attend(graph: GraphWriter, inputs: AttentionInputs): Value {
  const { query, key, value, scale, unscaledBiases = [], biases } = inputs;
  let scores = graph.apply("MatMul", [query, key]);
  for (const bias of unscaledBiases) scores = graph.apply("Add", [scores, bias]);
  scores = graph.apply("Mul", [scores, graph.number(scale)]);
  for (const bias of biases) scores = graph.apply("Add", [scores, bias]);
  const context = graph.apply("MatMul", [graph.apply("Softmax", [scores], { axis: -1 }), value]);
  return mergeHeads(graph, context);
}

/**
 * The same without biases and with heads side by side, `[batch, …, heads · size]`, in one operator. It goes over the keys in
 * blocks that stay in the processor's cache instead of writing all scores, which pays for long texts.
 */
export function attendUnbiased(
  graph: GraphWriter,
  { query, key, value, scale }: Pick<AttentionInputs, "query" | "key" | "value" | "scale">,
  heads: number,
): Value {
  return graph.applyMicrosoft("MultiHeadAttention", [query, key, value], {
    num_heads: heads,
    scale: { float: scale },
  });
}

/** The inverse of `splitHeads`. */
export function mergeHeads(graph: GraphWriter, x: Value): Value {
  return graph.apply("Reshape", [graph.apply("Transpose", [x], { perm: [0, 2, 1, 3] }), graph.integers(0, 0, -1)]);
}

/** The first token of each sequence: `[batch, 1, hidden]`. */
export function firstRow(graph: GraphWriter, x: Value): Value {
  return graph.apply("Slice", [x, graph.integers(0), graph.integers(1), graph.integers(1)]);
}

/** A bias of `[…, queries, sequence]` for the first query alone; one that is the same for all queries stays. */
export function firstQuery(graph: GraphWriter, bias: Value): Value {
  return graph.apply("Slice", [bias, graph.integers(0), graph.integers(1), graph.integers(2)]);
}
