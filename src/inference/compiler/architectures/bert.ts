import { activationOf, fixedActivation } from "../activation.ts";
import { paddingBias } from "../attention.ts";
import type { ConfigReader } from "../config-reader.ts";
import { embedTokens } from "../embeddings.ts";
import { type Architecture, type EncoderContext, linearAt, type NeededRows } from "../encoder-context.ts";
import type { Value } from "../graph-writer.ts";
import { BERT_LAYER_NAMES, encodePostNorm, type PostNormShape } from "../post-norm-encoder.ts";
import { firstToken } from "../sentence-pooling.ts";
import { labelCount } from "./label-count.ts";

/** `transformers` BertForSequenceClassification and BertModel. */
export const bert: Architecture = {
  classifiers: ["BertForSequenceClassification"],
  tokenTypes: (config) => config.size("type_vocab_size", 2),
  hiddenSize: (config) => config.size("hidden_size", 768),
  classifierRows: () => "first",
  encode: (context, rows) => encodeBert(context, "bert.", rows),
  classify(context, hidden) {
    const { config, checkpoint, graph } = context;
    const size = config.size("hidden_size", 768);
    const head = { ...context, checkpoint: checkpoint.base("bert.") };
    const first = firstToken(graph, hidden);
    const pooled = fixedActivation("tanh")(graph, linearAt(head, first, "pooler.dense", size, size, { precise: true }));
    return linearAt(context, pooled, "classifier", labelCount(context, "classifier"), size, { precise: true });
  },
};

/** Refuses what a checkpoint of this kind may ask for and the graph does not have. */
export function requirePlainEncoder(config: ConfigReader): void {
  config.require("position_embedding_type", "absolute");
  config.require("is_decoder", false);
  config.require("add_cross_attention", false);
}

function encodeBert(context: EncoderContext, prefix: string, rows: NeededRows): Value {
  const { config } = context;
  requirePlainEncoder(config);
  const base = { ...context, checkpoint: context.checkpoint.base(prefix) };
  const shape = bertShape(base);
  const embedded = embedTokens(base, {
    vocabulary: config.size("vocab_size", 30_522),
    positions: config.size("max_position_embeddings", 512),
    size: shape.hidden,
    epsilon: shape.epsilon,
    tokenTypes: config.size("type_vocab_size", 2),
    prefix: "embeddings.",
    positionScheme: "sequential",
  });
  return encodePostNorm(base, shape, embedded, rows);
}

/** The layers of BERT, which RoBERTa, ELECTRA and MPNet share; `defaults` where `transformers` gives others. */
export function bertShape(
  { config, graph, inputs }: EncoderContext,
  defaults = { hidden: 768, heads: 12, intermediate: 3072 },
): PostNormShape {
  const hidden = config.size("hidden_size", defaults.hidden);
  return {
    layers: config.size("num_hidden_layers", 12),
    hidden,
    heads: headCount(config, hidden, defaults.heads),
    intermediate: config.size("intermediate_size", defaults.intermediate),
    epsilon: config.positive("layer_norm_eps", 1e-12),
    activation: activationOf(config, "hidden_act", "gelu"),
    names: BERT_LAYER_NAMES,
    layerPrefix: (index) => `encoder.layer.${index}.`,
    biases: inputs.mask === undefined ? [] : [paddingBias(graph, inputs.mask)],
  };
}

export function headCount(config: ConfigReader, hidden: number, fallback: number): number {
  const heads = config.size("num_attention_heads", fallback);
  if (hidden % heads === 0) return heads;
  throw config.unsupported("num_attention_heads", `it does not divide \`hidden_size\` (${hidden})`);
}
