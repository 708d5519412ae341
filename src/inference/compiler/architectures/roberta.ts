import { fixedActivation } from "../activation.ts";
import { embedTokens } from "../embeddings.ts";
import { type Architecture, type EncoderContext, linearAt, type NeededRows } from "../encoder-context.ts";
import type { Value } from "../graph-writer.ts";
import { encodePostNorm } from "../post-norm-encoder.ts";
import { firstToken } from "../sentence-pooling.ts";
import { bertShape, requirePlainEncoder } from "./bert.ts";
import { labelCount } from "./label-count.ts";

/** `transformers` RoBERTa, XLM-RoBERTa and CamemBERT, which are one model under three names. */
export const roberta: Architecture = {
  classifiers: [
    "RobertaForSequenceClassification",
    "XLMRobertaForSequenceClassification",
    "CamembertForSequenceClassification",
  ],
  tokenTypes: (config) => config.size("type_vocab_size", 2),
  hiddenSize: (config) => config.size("hidden_size", 768),
  classifierRows: () => "first",
  encode: encodeRoberta,
  classify(context, hidden) {
    const { config, graph } = context;
    const size = config.size("hidden_size", 768);
    const first = firstToken(graph, hidden);
    const dense = linearAt(context, first, "classifier.dense", size, size, { precise: true });
    const labels = labelCount(context, "classifier.out_proj");
    const middle = fixedActivation("tanh")(graph, dense);
    return linearAt(context, middle, "classifier.out_proj", labels, size, { precise: true });
  },
};

function encodeRoberta(context: EncoderContext, rows: NeededRows): Value {
  const { config } = context;
  requirePlainEncoder(config);
  const base = { ...context, checkpoint: context.checkpoint.base("roberta.") };
  const shape = bertShape(base);
  const embedded = embedTokens(base, {
    vocabulary: config.size("vocab_size", 30_522),
    positions: config.size("max_position_embeddings", 512),
    size: shape.hidden,
    epsilon: shape.epsilon,
    tokenTypes: config.size("type_vocab_size", 2),
    prefix: "embeddings.",
    positionScheme: { paddingId: config.integer("pad_token_id", 1) },
  });
  return encodePostNorm(base, shape, embedded, rows);
}
