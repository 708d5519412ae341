import { activationOf } from "../activation.ts";
import { paddingBias } from "../attention.ts";
import type { ConfigReader } from "../config-reader.ts";
import type { EncoderContext } from "../encoder-context.ts";
import { BERT_LAYER_NAMES, type PostNormShape } from "../post-norm-encoder.ts";

/** What `transformers` takes where config.json says nothing. */
export interface BertDefaults {
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
}

export const BERT_DEFAULTS: BertDefaults = { hidden: 768, heads: 12, intermediate: 3072 };

export type BertSizes = Pick<PostNormShape, "layers" | "hidden" | "heads" | "intermediate" | "epsilon">;

/** The numbers of BERT's layers, as config.json gives them. */
export function bertSizes(config: ConfigReader, defaults = BERT_DEFAULTS): BertSizes {
  const hidden = config.size("hidden_size", defaults.hidden);
  return {
    layers: config.size("num_hidden_layers", 12),
    hidden,
    heads: headCount(config, hidden, defaults.heads),
    intermediate: config.size("intermediate_size", defaults.intermediate),
    epsilon: config.positive("layer_norm_eps", 1e-12),
  };
}

/** The layers of BERT, which RoBERTa, ELECTRA and MPNet share. */
export function bertShape({ config, graph, inputs }: EncoderContext, defaults = BERT_DEFAULTS): PostNormShape {
  return {
    ...bertSizes(config, defaults),
    activation: activationOf(config, "hidden_act", "gelu"),
    names: BERT_LAYER_NAMES,
    layerPrefix: bertLayerPrefix,
    biases: inputs.mask === undefined ? [] : [paddingBias(graph, inputs.mask)],
  };
}

export function bertLayerPrefix(index: number): string {
  return `encoder.layer.${index}.`;
}

/** Refuses what a checkpoint of this kind may ask for and the graph does not have. */
export function requirePlainEncoder(config: ConfigReader): void {
  config.require("position_embedding_type", "absolute");
  config.require("is_decoder", false);
  config.require("add_cross_attention", false);
}

export function headCount(config: ConfigReader, hidden: number, fallback: number): number {
  const heads = config.size("num_attention_heads", fallback);
  if (hidden % heads === 0) return heads;
  throw config.unsupported("num_attention_heads", `it does not divide \`hidden_size\` (${hidden})`);
}
