import { activationOf } from "../activation.ts";
import { paddingBias } from "../attention.ts";
import { embedTokens } from "../embeddings.ts";
import { type Architecture, type EncoderContext, linearAt, type NeededRows } from "../encoder-context.ts";
import type { Value } from "../graph-writer.ts";
import { encodePostNorm, type LayerNames } from "../post-norm-encoder.ts";
import { firstToken } from "../sentence-pooling.ts";
import { labelCount } from "./label-count.ts";

const LAYER_NAMES: LayerNames = {
  query: "attention.q_lin",
  key: "attention.k_lin",
  value: "attention.v_lin",
  attentionOutput: "attention.out_lin",
  attentionNorm: "sa_layer_norm",
  intermediate: "ffn.lin1",
  output: "ffn.lin2",
  outputNorm: "output_layer_norm",
};

/** Fixed in the reference, not in config.json. */
const EPSILON = 1e-12;

/** `transformers` DistilBertForSequenceClassification: BERT without token types, with config fields of its own names. */
export const distilbert: Architecture = {
  classifiers: ["DistilBertForSequenceClassification"],
  tokenTypes: () => 0,
  hiddenSize: (config) => config.size("dim", 768),
  classifierRows: () => "first",
  encode: encodeDistilbert,
  classify(context, hidden) {
    const { config, graph } = context;
    const size = config.size("dim", 768);
    const dense = linearAt(context, firstToken(graph, hidden), "pre_classifier", size, size, { precise: true });
    const middle = graph.apply("Relu", [dense]);
    return linearAt(context, middle, "classifier", labelCount(context, "classifier"), size, { precise: true });
  },
};

function encodeDistilbert(context: EncoderContext, rows: NeededRows): Value {
  const { config, graph, inputs } = context;
  const base = { ...context, checkpoint: context.checkpoint.base("distilbert.") };
  const hidden = config.size("dim", 768);
  const heads = config.size("n_heads", 12);
  if (hidden % heads !== 0) throw config.unsupported("n_heads", `it does not divide \`dim\` (${hidden})`);
  const embedded = embedTokens(base, {
    vocabulary: config.size("vocab_size", 30_522),
    positions: config.size("max_position_embeddings", 512),
    size: hidden,
    epsilon: EPSILON,
    tokenTypes: 0,
    prefix: "embeddings.",
    positionScheme: "sequential",
  });
  const shape = {
    layers: config.size("n_layers", 6),
    hidden,
    heads,
    intermediate: config.size("hidden_dim", 3072),
    epsilon: EPSILON,
    activation: activationOf(config, "activation", "gelu"),
    names: LAYER_NAMES,
    layerPrefix: (index: number) => `transformer.layer.${index}.`,
    biases: inputs.mask === undefined ? [] : [paddingBias(graph, inputs.mask)],
  };
  return encodePostNorm(base, shape, embedded, rows);
}
