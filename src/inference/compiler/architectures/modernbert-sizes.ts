import type { ConfigReader } from "../config-reader.ts";
import { requirePlainRotary } from "../rotary-positions.ts";
import { headCount } from "./bert-layers.ts";

/** Whether a layer's tokens see all others or near ones alone. */
export type AttentionKind = "full_attention" | "sliding_attention";

/** Where config.json names none. */
const THETA: Readonly<Record<AttentionKind, number>> = { full_attention: 160_000, sliding_attention: 10_000 };

export function modernbertDimensions(config: ConfigReader) {
  const size = config.size("hidden_size", 768);
  const heads = headCount(config, size, 12);
  return {
    size,
    heads,
    headSize: size / heads,
    intermediate: config.size("intermediate_size", 1152),
    vocabulary: config.size("vocab_size", 50_368),
    epsilon: config.positive("norm_eps", 1e-5),
    normBias: config.flag("norm_bias", false),
    attentionBias: config.flag("attention_bias", false),
    feedForwardBias: config.flag("mlp_bias", false),
  };
}

export function modernbertLayerKinds(config: ConfigReader): AttentionKind[] {
  const layers = config.size("num_hidden_layers", 22);
  const listed = config.texts("layer_types");
  if (listed === undefined) {
    const every = config.size("global_attn_every_n_layers", 3);
    return Array.from({ length: layers }, (_, index) => (index % every === 0 ? "full_attention" : "sliding_attention"));
  }
  if (listed.length !== layers || !listed.every((kind) => kind === "full_attention" || kind === "sliding_attention")) {
    throw config.unsupported("layer_types", `${layers} of full_attention or sliding_attention are needed`);
  }
  return listed as AttentionKind[];
}

/** The base of the rotary frequencies. Newer versions of `transformers` write `rope_parameters`, older ones a field for each kind, and null for the other's. */
export function modernbertTheta(config: ConfigReader, kind: AttentionKind): number {
  config.require("rope_scaling");
  const parameters = config.section("rope_parameters")?.section(kind);
  if (parameters !== undefined) {
    requirePlainRotary(parameters);
    return parameters.positive("rope_theta", THETA[kind]);
  }
  const isGlobal = kind === "full_attention" || config.isNull("local_rope_theta");
  return isGlobal
    ? config.positive("global_rope_theta", THETA.full_attention)
    : config.positive("local_rope_theta", THETA.sliding_attention);
}

/** How far from a token are those that it sees in a local layer: half of `local_attention`. */
export function modernbertReach(config: ConfigReader): number {
  return Math.floor(config.size("local_attention", 128) / 2);
}

export function modernbertPooling(config: ConfigReader): "cls" | "mean" {
  config.require("classifier_pooling", "cls", "mean");
  return config.text("classifier_pooling", "cls") === "mean" ? "mean" : "cls";
}
