import { bertFamilyArchitecture } from "./bert-family.ts";
import { BERT_DEFAULTS } from "./bert-layers.ts";

/** `transformers` BertForSequenceClassification and BertModel. */
export const bert = bertFamilyArchitecture({
  classifiers: ["BertForSequenceClassification"],
  prefix: "bert.",
  defaults: BERT_DEFAULTS,
  positions: "sequential",
  head: { dense: "pooler.dense", isPooler: true, activation: "tanh", out: "classifier" },
});
