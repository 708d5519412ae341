import { bertFamilyArchitecture } from "./bert-family.ts";
import { BERT_DEFAULTS } from "./bert-layers.ts";

/** `transformers` RoBERTa, XLM-RoBERTa and CamemBERT, which are one model under three names. */
export const roberta = bertFamilyArchitecture({
  classifiers: [
    "RobertaForSequenceClassification",
    "XLMRobertaForSequenceClassification",
    "CamembertForSequenceClassification",
  ],
  prefix: "roberta.",
  defaults: BERT_DEFAULTS,
  positions: "after_padding",
  head: { dense: "classifier.dense", isPooler: false, activation: "tanh", out: "classifier.out_proj" },
});
