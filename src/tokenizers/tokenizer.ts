/** Turns text into the ids a model was trained on: the ids of Python's `tokenizers`, or the model's scores are not its own. */
export interface Tokenizer {
  /** The ids of `text` without special tokens, neither cut nor padded. */
  encode(text: string): readonly number[] | Promise<readonly number[]>;
  /** The id of one token as the vocabulary writes it, special tokens included. */
  tokenToId(token: string): number | undefined;
}
