/** The special tokens of a vocabulary, as they are spelled in it. */
export interface SpecialTokens {
  readonly pad: string;
  readonly unknown: string;
  readonly start: string;
  readonly separator: string;
  readonly mask: string;
}

export const BERT_SPECIAL_TOKENS: SpecialTokens = {
  pad: "[PAD]",
  unknown: "[UNK]",
  start: "[CLS]",
  separator: "[SEP]",
  mask: "[MASK]",
};

export const ROBERTA_SPECIAL_TOKENS: SpecialTokens = {
  pad: "<pad>",
  unknown: "<unk>",
  start: "<s>",
  separator: "</s>",
  mask: "<mask>",
};
