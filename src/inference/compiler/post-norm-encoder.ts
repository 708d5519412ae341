import { attend, attendUnbiased, firstRow, splitHeads, splitKeys } from "./attention.ts";
import { type EncoderContext, layerNormAt, linearAt, type NeededRows } from "./encoder-context.ts";
import { attendFromFirstRow, type FirstRowAttention } from "./first-row-attention.ts";
import type { GraphWriter, Value } from "./graph-writer.ts";

/** Where one layer's tensors are, below the layer's own prefix. */
export interface LayerNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attentionOutput: string;
  readonly attentionNorm: string;
  readonly intermediate: string;
  readonly output: string;
  readonly outputNorm: string;
}

export const BERT_LAYER_NAMES: LayerNames = {
  query: "attention.self.query",
  key: "attention.self.key",
  value: "attention.self.value",
  attentionOutput: "attention.output.dense",
  attentionNorm: "attention.output.LayerNorm",
  intermediate: "intermediate.dense",
  output: "output.dense",
  outputNorm: "output.LayerNorm",
};

export interface PostNormShape {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly epsilon: number;
  readonly activation: (graph: GraphWriter, x: Value) => Value;
  readonly names: LayerNames;
  /** The layer's prefix: `encoder.layer.3.` */
  readonly layerPrefix: (index: number) => string;
  /** Added to the attention scores of every layer, each broadcast to `[batch, heads, sequence, sequence]`. */
  readonly biases: readonly Value[];
}

/** Layers as BERT has them: attention, add, norm, feed-forward, add, norm. */
export function encodePostNorm(
  context: EncoderContext,
  shape: PostNormShape,
  embedded: Value,
  rows: NeededRows,
): Value {
  let hidden = embedded;
  for (let index = 0; index < shape.layers; index++) {
    const onlyFirst = rows === "first" && index === shape.layers - 1;
    hidden = encodeLayer(context, shape, shape.layerPrefix(index), hidden, onlyFirst);
  }
  return hidden;
}

function encodeLayer(
  context: EncoderContext,
  shape: PostNormShape,
  prefix: string,
  hidden: Value,
  onlyFirst: boolean,
): Value {
  const { graph } = context;
  const residual = onlyFirst ? firstRow(graph, hidden) : hidden;
  const attended = onlyFirst
    ? attendFromFirstRow(context, hidden, residual, firstRowAttention(shape, prefix))
    : selfAttention(context, shape, prefix, hidden);
  return finishPostNormLayer(context, shape, prefix, attended, residual);
}

function selfAttention(
  context: EncoderContext,
  { hidden: size, heads, names, biases }: PostNormShape,
  prefix: string,
  hidden: Value,
): Value {
  const { graph } = context;
  const headSize = size / heads;
  const project = (name: string) => linearAt(context, hidden, prefix + name, size, size);
  const scale = headSize ** -0.5;
  const [query, key, value] = [project(names.query), project(names.key), project(names.value)];
  if (biases.length === 0) return attendUnbiased(graph, { query, key, value, scale }, heads);
  return attend(graph, {
    query: splitHeads(graph, query, heads, headSize),
    key: splitKeys(graph, key, heads, headSize),
    value: splitHeads(graph, value, heads, headSize),
    scale,
    biases,
  });
}

function firstRowAttention({ hidden, heads, names, biases }: PostNormShape, prefix: string): FirstRowAttention {
  const { query, key, value } = names;
  return {
    size: hidden,
    heads,
    names: { query: prefix + query, key: prefix + key, value: prefix + value },
    biases,
  };
}

/** What follows the attention's weighted sum, for architectures with an attention of their own too. */
export function finishPostNormLayer(
  context: EncoderContext,
  shape: Pick<PostNormShape, "hidden" | "intermediate" | "epsilon" | "activation" | "names">,
  prefix: string,
  attended: Value,
  residual: Value,
): Value {
  const { graph } = context;
  const { hidden: size, intermediate, epsilon, names } = shape;
  const projected = linearAt(context, attended, prefix + names.attentionOutput, size, size);
  const middle = layerNormAt(
    context,
    graph.apply("Add", [projected, residual]),
    prefix + names.attentionNorm,
    size,
    epsilon,
  );
  const wide = shape.activation(graph, linearAt(context, middle, prefix + names.intermediate, intermediate, size));
  const narrow = linearAt(context, wide, prefix + names.output, size, intermediate);
  return layerNormAt(context, graph.apply("Add", [narrow, middle]), prefix + names.outputNorm, size, epsilon);
}
