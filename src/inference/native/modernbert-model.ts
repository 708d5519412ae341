import {
  modernbertDimensions,
  modernbertLayerKinds,
  modernbertPooling,
  modernbertReach,
  modernbertTheta,
} from "../compiler/architectures/modernbert-sizes.ts";
import type { CompileOptions } from "../compiler/compile-model.ts";
import type { ConfigReader } from "../compiler/config-reader.ts";
import { type DenseModule, LAYER_NORM_EPSILON, type LayerNormModule } from "../compiler/module-chain.ts";
import type { ModernbertShape, NativeOutput } from "./native-addon.ts";

/** A ModernBERT that the kernels take, as its config.json and its modules describe it. */
export interface ModernbertModel {
  readonly shape: Omit<ModernbertShape, "labels">;
  /** Of the rotary frequencies. */
  readonly thetas: { readonly global: number; readonly local: number };
  /** Which of the encoder's parts have biases. */
  readonly biases: { readonly norm: boolean; readonly attention: boolean; readonly feedForward: boolean };
  /** Embedders have none. */
  readonly head?: ModernbertHead | undefined;
}

/** A dense layer, its activation, a norm and the classifier: the architecture's own, or modules of sentence-transformers. */
export type ModernbertHead =
  | { readonly kind: "own"; readonly denseBias: boolean }
  | {
      readonly kind: "modules";
      readonly dense: DenseModule;
      readonly norm: LayerNormModule;
      readonly out: DenseModule;
    };

/** The activations that are GELU by the error function. */
export const EXACT_GELU: ReadonlySet<string> = new Set(["gelu", "gelu_python"]);

/** The model of a config.json, or why the kernels do not take it. Its sizes are not looked at. @throws PgVectorDBError `model_invalid` */
export function describeModernbert(
  config: ConfigReader,
  options: Pick<CompileOptions, "modules" | "pooling">,
  output: NativeOutput,
): ModernbertModel | string {
  const activation = config.text("hidden_activation", "gelu");
  if (!EXACT_GELU.has(activation)) return `it does not know the activation "${activation}"`;
  const found = output === "logits" ? describeHead(config, options) : describePooling(output, options);
  if (typeof found === "string") return found;
  const dimensions = modernbertDimensions(config);
  const kinds = modernbertLayerKinds(config);
  return {
    shape: {
      hidden: dimensions.size,
      inner: dimensions.intermediate,
      heads: dimensions.heads,
      layers: kinds.length,
      vocabulary: dimensions.vocabulary,
      positions: config.size("max_position_embeddings", 8192),
      reach: modernbertReach(config),
      isGlobal: Uint8Array.from(kinds, (kind) => Number(kind === "full_attention")),
      epsilon: dimensions.epsilon,
      ...found.shape,
    },
    thetas: {
      global: modernbertTheta(config, "full_attention"),
      local: modernbertTheta(config, "sliding_attention"),
    },
    biases: {
      norm: dimensions.normBias,
      attention: dimensions.attentionBias,
      feedForward: dimensions.feedForwardBias,
    },
    head: found.head,
  };
}

interface DescribedHead {
  readonly head?: ModernbertHead | undefined;
  readonly shape: Pick<ModernbertShape, "output" | "pooling" | "headEpsilon" | "headActivation">;
}

function describePooling(
  output: Exclude<NativeOutput, "logits">,
  { modules }: Pick<CompileOptions, "modules">,
): DescribedHead | string {
  if (modules !== undefined) return "it runs no modules behind an embedder's pooling";
  return { shape: { output: "embedding", pooling: output === "mean" ? "mean" : "cls" } };
}

function describeHead(
  config: ConfigReader,
  { modules, pooling = "mean" }: Pick<CompileOptions, "modules" | "pooling">,
): DescribedHead | string {
  if (modules !== undefined) {
    if (pooling === "last") return "it does not pool by a text's last token";
    return describeModules(modules, modernbertDimensions(config).size, pooling);
  }
  const activation = config.text("classifier_activation", "gelu");
  if (!EXACT_GELU.has(activation)) return `it does not know the activation "${activation}" in a head`;
  return {
    head: { kind: "own", denseBias: config.flag("classifier_bias", false) },
    shape: {
      output: "logits",
      headEpsilon: modernbertDimensions(config).epsilon,
      pooling: modernbertPooling(config),
      headActivation: "gelu",
    },
  };
}

function describeModules(
  modules: NonNullable<CompileOptions["modules"]>,
  size: number,
  pooling: ModernbertShape["pooling"],
): DescribedHead | string {
  const [dense, norm, out] = modules;
  const isKnown =
    modules.length === 3 &&
    dense?.kind === "dense" &&
    !dense.residual &&
    dense.inputs === size &&
    dense.outputs === size &&
    (dense.activation === "gelu" || dense.activation === "linear") &&
    norm?.kind === "layer_norm" &&
    norm.size === size &&
    out?.kind === "dense" &&
    !out.residual &&
    out.inputs === size &&
    out.activation === "linear";
  if (!isKnown) return "of heads of sentence-transformers' modules it runs Dense, LayerNorm, Dense alone";
  return {
    head: { kind: "modules", dense, norm, out },
    shape: {
      output: "logits",
      headEpsilon: LAYER_NORM_EPSILON,
      pooling,
      headActivation: dense.activation === "gelu" ? "gelu" : "none",
    },
  };
}

/** How many numbers such a model holds, nearly: without biases, norms and the head. */
export function countModernbertNumbers({ vocabulary, hidden, inner, layers }: ModernbertModel["shape"]): number {
  return vocabulary * hidden + layers * hidden * (4 * hidden + 3 * inner);
}
