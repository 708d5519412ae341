import { fixedActivation } from "../activation.ts";
import { embedTokens } from "../embeddings.ts";
import { type Architecture, type EncoderContext, linearAt, type NeededRows } from "../encoder-context.ts";
import type { Value } from "../graph-writer.ts";
import { encodePostNorm } from "../post-norm-encoder.ts";
import { firstToken } from "../sentence-pooling.ts";
import { bertShape, requirePlainEncoder } from "./bert.ts";
import { labelCount } from "./label-count.ts";

/** `transformers` ElectraForSequenceClassification: BERT with narrower embeddings and a head of its own. */
export const electra: Architecture = {
  classifiers: ["ElectraForSequenceClassification"],
  tokenTypes: (config) => config.size("type_vocab_size", 2),
  hiddenSize: (config) => config.size("hidden_size", 256),
  classifierRows: () => "first",
  encode: encodeElectra,
  classify(context, hidden) {
    const { config, graph } = context;
    const size = config.size("hidden_size", 256);
    const dense = linearAt(context, firstToken(graph, hidden), "classifier.dense", size, size, { precise: true });
    const labels = labelCount(context, "classifier.out_proj");
    // The reference fixes this activation, whatever `summary_activation` says.
    return linearAt(context, fixedActivation("gelu")(graph, dense), "classifier.out_proj", labels, size, {
      precise: true,
    });
  },
};

function encodeElectra(context: EncoderContext, rows: NeededRows): Value {
  const { config } = context;
  requirePlainEncoder(config);
  const base = { ...context, checkpoint: context.checkpoint.base("electra.") };
  const shape = bertShape(base, { hidden: 256, heads: 4, intermediate: 1024 });
  const size = config.size("embedding_size", 128);
  const embedded = embedTokens(base, {
    vocabulary: config.size("vocab_size", 30_522),
    positions: config.size("max_position_embeddings", 512),
    size,
    epsilon: shape.epsilon,
    tokenTypes: config.size("type_vocab_size", 2),
    prefix: "embeddings.",
    positionScheme: "sequential",
  });
  const widened = size === shape.hidden ? embedded : linearAt(base, embedded, "embeddings_project", shape.hidden, size);
  return encodePostNorm(base, shape, widened, rows);
}
