import { positions } from "../attention.ts";
import { embedTokens } from "../embeddings.ts";
import { type Architecture, type EncoderContext, linearAt, type NeededRows } from "../encoder-context.ts";
import type { Value } from "../graph-writer.ts";
import { encodePostNorm, type LayerNames } from "../post-norm-encoder.ts";
import { distanceIndex } from "../relative-distance.ts";
import { firstToken } from "../sentence-pooling.ts";
import { bertShape } from "./bert-layers.ts";
import { labelCount } from "./label-count.ts";

const LAYER_NAMES: LayerNames = {
  query: "attention.attn.q",
  key: "attention.attn.k",
  value: "attention.attn.v",
  attentionOutput: "attention.attn.o",
  attentionNorm: "attention.LayerNorm",
  intermediate: "intermediate.dense",
  output: "output.dense",
  outputNorm: "output.LayerNorm",
};

/** The reference has these fixed: it reads `relative_attention_num_buckets` only for the table's size. */
const BUCKETS = 32;
const MAX_DISTANCE = 128;
/** Fixed in the reference, whatever `pad_token_id` says. */
const PADDING_ID = 1;

/** `transformers` MPNetModel: BERT with a learned bias for each distance between tokens. */
export const mpnet: Architecture = {
  classifiers: ["MPNetForSequenceClassification"],
  tokenTypes: () => 0,
  hiddenSize: (config) => config.size("hidden_size", 768),
  classifierRows: () => "first",
  encode: encodeMpnet,
  classify(context, hidden) {
    const { config, graph } = context;
    const size = config.size("hidden_size", 768);
    const dense = linearAt(context, firstToken(graph, hidden), "classifier.dense", size, size, { precise: true });
    const labels = labelCount(context, "classifier.out_proj");
    return linearAt(context, graph.apply("Tanh", [dense]), "classifier.out_proj", labels, size, { precise: true });
  },
};

function encodeMpnet(context: EncoderContext, rows: NeededRows): Value {
  const { config } = context;
  config.require("relative_attention_num_buckets", BUCKETS);
  const base = { ...context, checkpoint: context.checkpoint.base("mpnet.") };
  const shape = bertShape(base);
  const maxPositions = config.size("max_position_embeddings", 512);
  const embedded = embedTokens(base, {
    vocabulary: config.size("vocab_size", 30_527),
    positions: maxPositions,
    size: shape.hidden,
    epsilon: shape.epsilon,
    tokenTypes: 0,
    prefix: "embeddings.",
    positionScheme: { paddingId: PADDING_ID },
  });
  const biases = [...shape.biases, distanceBias(base, shape.heads, maxPositions)];
  return encodePostNorm(base, { ...shape, biases, names: LAYER_NAMES }, embedded, rows);
}

/** `[1, heads, sequence, sequence]` */
function distanceBias(
  { checkpoint, graph, inputs, layers }: EncoderContext,
  heads: number,
  maxPositions: number,
): Value {
  const table = layers.table(checkpoint.weight("encoder.relative_attention_bias.weight", [BUCKETS, heads]));
  const order = positions(graph, inputs.ids);
  const buckets = distanceIndex(graph, order, order, maxPositions, bucketOf);
  const bias = graph.apply("Transpose", [graph.apply("Gather", [table, buckets])], { perm: [2, 0, 1] });
  return graph.apply("Unsqueeze", [bias, graph.integers(0)]);
}

/** The reference's `relative_position_bucket`, for the query's position minus the key's. */
function bucketOf(distance: number): number {
  const half = BUCKETS / 2;
  const exact = half / 2;
  const length = Math.abs(distance);
  // The reference works in float32; no distance below its limit rounds to another bucket.
  const logarithm = (Math.log(length / exact) / Math.log(MAX_DISTANCE / exact)) * (half - exact);
  const bucket = length < exact ? length : Math.min(half - 1, exact + Math.trunc(logarithm));
  return distance < 0 ? bucket + half : bucket;
}
