import { activationOf } from "../activation.ts";
import { attend, firstRow, paddingBias, splitHeads, splitKeys } from "../attention.ts";
import type { ConfigReader } from "../config-reader.ts";
import {
  type DisentangledTables,
  disentangledBias,
  disentangledTables,
  firstTokenBias,
} from "../disentangled-attention.ts";
import { addEmbeddings } from "../embeddings.ts";
import { type Architecture, type EncoderContext, layerNormAt, linearAt, type NeededRows } from "../encoder-context.ts";
import type { Value } from "../graph-writer.ts";
import { finishPostNormLayer, type LayerNames } from "../post-norm-encoder.ts";
import { firstToken } from "../sentence-pooling.ts";
import { headCount } from "./bert-layers.ts";
import { addConvolution, convolution } from "./deberta-convolution.ts";
import { labelCount } from "./label-count.ts";

const LAYER_NAMES: LayerNames = {
  query: "attention.self.query_proj",
  key: "attention.self.key_proj",
  value: "attention.self.value_proj",
  attentionOutput: "attention.output.dense",
  attentionNorm: "attention.output.LayerNorm",
  intermediate: "intermediate.dense",
  output: "output.dense",
  outputNorm: "output.LayerNorm",
};

/** `transformers` DebertaV2ForSequenceClassification, which DeBERTa-v3 checkpoints use too. */
export const debertaV2: Architecture = {
  classifiers: ["DebertaV2ForSequenceClassification"],
  tokenTypes,
  hiddenSize: (config) => config.size("hidden_size", 1536),
  classifierRows: () => "first",
  encode: encodeDeberta,
  classify(context, hidden) {
    const { config, graph } = context;
    const size = config.size("hidden_size", 1536);
    config.require("pooler_hidden_size", size);
    const dense = linearAt(context, firstToken(graph, hidden), "pooler.dense", size, size, { precise: true });
    const pooled = activationOf(config, "pooler_hidden_act", "gelu")(graph, dense);
    return linearAt(context, pooled, "classifier", labelCount(context, "classifier"), size, { precise: true });
  },
};

function tokenTypes(config: ConfigReader): number {
  const types = config.integer("type_vocab_size", 0);
  return types === 0 ? 0 : config.size("type_vocab_size");
}

function encodeDeberta(context: EncoderContext, rows: NeededRows): Value {
  const { config, graph, inputs } = context;
  const base = { ...context, checkpoint: context.checkpoint.base("deberta.") };
  const size = config.size("hidden_size", 1536);
  const heads = headCount(config, size, 24);
  config.require("attention_head_size", size / heads);
  const shape = {
    layers: config.size("num_hidden_layers", 24),
    hidden: size,
    heads,
    intermediate: config.size("intermediate_size", 6144),
    epsilon: config.positive("layer_norm_eps", 1e-7),
    activation: activationOf(config, "hidden_act", "gelu"),
    names: LAYER_NAMES,
  };
  const padding = inputs.mask === undefined ? [] : [paddingBias(graph, inputs.mask)];
  const tables = disentangledTables(base, size, heads, shape.epsilon);
  let hidden = embed(base, size, shape.epsilon);
  const convolved = convolution(base, hidden, size);
  for (let index = 0; index < shape.layers; index++) {
    const onlyFirst = rows === "first" && index === shape.layers - 1;
    const residual = onlyFirst ? firstRow(graph, hidden) : hidden;
    const prefix = `encoder.layer.${index}.`;
    const attended = selfAttention(base, tables, prefix, hidden, residual, padding, onlyFirst);
    hidden = finishPostNormLayer(base, shape, prefix, attended, residual);
    if (index > 0 || convolved === undefined) continue;
    hidden = addConvolution(base, hidden, onlyFirst ? firstRow(graph, convolved) : convolved, size, shape.epsilon);
  }
  return hidden;
}

function embed(context: EncoderContext, hidden: number, epsilon: number): Value {
  const { config } = context;
  const size = config.size("embedding_size", hidden);
  const sum = addEmbeddings(context, {
    vocabulary: config.size("vocab_size", 128_100),
    positions: config.flag("position_biased_input", true) ? config.size("max_position_embeddings", 512) : 0,
    size,
    tokenTypes: tokenTypes(config),
    prefix: "embeddings.",
    positionScheme: "sequential",
  });
  const wide = size === hidden ? sum : linearAt(context, sum, "embeddings.embed_proj", hidden, size, { bias: false });
  return layerNormAt(context, wide, "embeddings.LayerNorm", hidden, epsilon);
}

function selfAttention(
  context: EncoderContext,
  tables: DisentangledTables,
  prefix: string,
  hidden: Value,
  queries: Value,
  padding: readonly Value[],
  onlyFirst: boolean,
): Value {
  const { graph } = context;
  const { size, heads, headSize } = tables;
  const project = (x: Value, name: string) => linearAt(context, x, prefix + name, size, size);
  const query = splitHeads(graph, project(queries, LAYER_NAMES.query), heads, headSize);
  const keys = project(hidden, LAYER_NAMES.key);
  const positionBias = onlyFirst ? firstTokenBias : disentangledBias;
  return attend(graph, {
    query,
    key: splitKeys(graph, keys, heads, headSize),
    value: splitHeads(graph, project(hidden, LAYER_NAMES.value), heads, headSize),
    scale: tables.scale,
    unscaledBiases: positionBias(context, tables, prefix, query, splitHeads(graph, keys, heads, headSize)),
    biases: padding,
  });
}
