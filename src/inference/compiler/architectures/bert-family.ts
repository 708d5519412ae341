import { fixedActivation } from "../activation.ts";
import type { Checkpoint } from "../checkpoint.ts";
import type { ConfigReader } from "../config-reader.ts";
import { embedTokens } from "../embeddings.ts";
import { type Architecture, type EncoderContext, linearAt, type NeededRows } from "../encoder-context.ts";
import type { Value } from "../graph-writer.ts";
import { encodePostNorm } from "../post-norm-encoder.ts";
import { firstToken } from "../sentence-pooling.ts";
import { type BertDefaults, type BertSizes, bertShape, bertSizes, requirePlainEncoder } from "./bert-layers.ts";
import { labelCount } from "./label-count.ts";

/** Models that are BERT but for names, defaults and the head: what makes one of them, and nothing else. */
export interface BertFamily {
  /** The values of `architectures` in config.json that have its sequence-classification head. */
  readonly classifiers: readonly string[];
  /** What the base model's tensors are saved under. */
  readonly prefix: string;
  readonly defaults: BertDefaults;
  /** Width of the embeddings where it is not that of the layers. */
  readonly embeddingSize?: ((config: ConfigReader) => number) | undefined;
  /** The row of each position: 0, 1, 2, … or from the padding's id on, skipping padding. */
  readonly positions: "sequential" | "after_padding";
  /** Two dense layers over the first token's row. */
  readonly head: {
    readonly dense: string;
    /** Whether that first layer is the base model's pooler. */
    readonly isPooler: boolean;
    /** The reference fixes it, whatever config.json says. */
    readonly activation: "tanh" | "gelu";
    readonly out: string;
  };
}

export interface BertFamilySizes extends BertSizes {
  readonly vocabulary: number;
  readonly positions: number;
  readonly tokenTypes: number;
  readonly embeddingSize: number;
  /** By which positions are counted, where they are. */
  readonly paddingId: number | undefined;
}

export const EMBEDDINGS_PREFIX = "embeddings.";

/** @throws PgVectorDBError `model_invalid` */
export function bertFamilySizes(config: ConfigReader, family: BertFamily): BertFamilySizes {
  const sizes = bertSizes(config, family.defaults);
  return {
    ...sizes,
    vocabulary: config.size("vocab_size", 30_522),
    positions: config.size("max_position_embeddings", 512),
    tokenTypes: config.size("type_vocab_size", 2),
    embeddingSize: family.embeddingSize?.(config) ?? sizes.hidden,
    paddingId: family.positions === "sequential" ? undefined : config.integer("pad_token_id", 1),
  };
}

/** The checkpoint that holds the head's first layer. */
export function headCheckpoint(checkpoint: Checkpoint, { prefix, head }: BertFamily): Checkpoint {
  return head.isPooler ? checkpoint.base(prefix) : checkpoint;
}

export function bertFamilyArchitecture(family: BertFamily): Architecture {
  return {
    classifiers: family.classifiers,
    bertFamily: family,
    tokenTypes: (config) => config.size("type_vocab_size", 2),
    hiddenSize: (config) => config.size("hidden_size", family.defaults.hidden),
    classifierRows: () => "first",
    encode: (context, rows) => encode(context, family, rows),
    classify: (context, hidden) => classify(context, family, hidden),
  };
}

function encode(context: EncoderContext, family: BertFamily, rows: NeededRows): Value {
  requirePlainEncoder(context.config);
  const base = { ...context, checkpoint: context.checkpoint.base(family.prefix) };
  const shape = bertShape(base, family.defaults);
  const { vocabulary, positions, tokenTypes, embeddingSize, paddingId } = bertFamilySizes(context.config, family);
  const embedded = embedTokens(base, {
    vocabulary,
    positions,
    size: embeddingSize,
    epsilon: shape.epsilon,
    tokenTypes,
    prefix: EMBEDDINGS_PREFIX,
    positionScheme: paddingId === undefined ? "sequential" : { paddingId },
  });
  const widened =
    embeddingSize === shape.hidden
      ? embedded
      : linearAt(base, embedded, "embeddings_project", shape.hidden, embeddingSize);
  return encodePostNorm(base, shape, widened, rows);
}

function classify(context: EncoderContext, family: BertFamily, hidden: Value): Value {
  const { config, checkpoint, graph } = context;
  const { head, defaults } = family;
  const size = config.size("hidden_size", defaults.hidden);
  const first = { ...context, checkpoint: headCheckpoint(checkpoint, family) };
  const dense = linearAt(first, firstToken(graph, hidden), head.dense, size, size, { precise: true });
  const labels = labelCount(context, head.out);
  return linearAt(context, fixedActivation(head.activation)(graph, dense), head.out, labels, size, { precise: true });
}
