import { bertFamilyArchitecture } from "./bert-family.ts";

/** `transformers` ElectraForSequenceClassification: BERT with narrower embeddings and a head of its own. */
export const electra = bertFamilyArchitecture({
  classifiers: ["ElectraForSequenceClassification"],
  prefix: "electra.",
  defaults: { hidden: 256, heads: 4, intermediate: 1024 },
  embeddingSize: (config) => config.size("embedding_size", 128),
  positions: "sequential",
  head: { dense: "classifier.dense", isPooler: false, activation: "gelu", out: "classifier.out_proj" },
});
