import type { BertFamily } from "./architectures/bert-family.ts";
import type { Checkpoint, Weight } from "./checkpoint.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { GraphWriter, Value } from "./graph-writer.ts";
import type { Layers } from "./layers.ts";
import type { SharedPrefix } from "./shared-prefix.ts";

/** The inputs of the compiled graph, each an int64 `[batch, sequence]`. */
export interface GraphInputs {
  readonly ids: Value;
  /** Undefined in a graph for single sequences, which have no padding. */
  readonly mask: Value | undefined;
  /** Undefined for models that have no token types, or that see only type 0. */
  readonly tokenTypes: Value | undefined;
}

/** The ids of the tokens that answer: the one whose logit is the score, or the two whose logits are compared. */
export type AnswerTokens = readonly [yes: number] | readonly [no: number, yes: number];

/** What an architecture is compiled from and into. */
export interface EncoderContext {
  readonly config: ConfigReader;
  readonly checkpoint: Checkpoint;
  readonly graph: GraphWriter;
  readonly layers: Layers;
  readonly inputs: GraphInputs;
  /** For language models, which are scored by them. */
  readonly answerTokens?: AnswerTokens | undefined;
  /** For language models whose texts may begin with the same tokens. */
  readonly prefix?: SharedPrefix | undefined;
}

/** The rows of the last layer that the output needs: one token's alone makes that layer nearly free. */
export type NeededRows = "first" | "last" | "all";

/** One family of models. */
export interface Architecture {
  /** The values of `architectures` in config.json that have its sequence-classification head. */
  readonly classifiers: readonly string[];
  /** What it is made of, for models that are BERT but for names. */
  readonly bertFamily?: BertFamily | undefined;
  /** How many token types the model knows; with more than one the graph takes `token_type_ids`. */
  tokenTypes(config: ConfigReader): number;
  hiddenSize(config: ConfigReader): number;
  /** The last layer's output, `[batch, rows, hidden]`. */
  encode(context: EncoderContext, rows: NeededRows): Value;
  /** What lets a graph go on behind tokens that many texts begin with. Only for models in which no token sees a later one. */
  sharedPrefix?(context: EncoderContext): SharedPrefix;
  /** The rows that `classify` reads. */
  classifierRows(config: ConfigReader): NeededRows;
  /** The logits, `[batch, labels]`. */
  classify(context: EncoderContext, hidden: Value): Value;
}

/** A linear layer's two tensors; many layers of modern models have no bias. */
export function linearAt(
  { checkpoint, layers }: EncoderContext,
  x: Value,
  name: string,
  outputs: number,
  inputs: number,
  { bias = true, precise = false }: { bias?: boolean | undefined; precise?: boolean | undefined } = {},
): Value {
  const weight = checkpoint.weight(`${name}.weight`, [outputs, inputs]);
  const shift: Weight | undefined = bias ? checkpoint.weight(`${name}.bias`, [outputs]) : undefined;
  return precise ? layers.preciseLinear(x, weight, shift) : layers.linear(x, weight, shift);
}

export function layerNormAt(
  { checkpoint, layers }: EncoderContext,
  x: Value,
  name: string,
  size: number,
  epsilon: number,
  { bias = true }: { bias?: boolean | undefined } = {},
): Value {
  const shift = bias ? checkpoint.weight(`${name}.bias`, [size]) : undefined;
  return layers.layerNorm(x, epsilon, checkpoint.weight(`${name}.weight`, [size]), shift);
}
