/** Turns text into the token ids of one model. */
export interface Tokenizer {
  /** The ids of `text` alone: no special tokens added, nothing cut. */
  encode(text: string): readonly number[] | Promise<readonly number[]>;
  /** The id of a token by its exact spelling, such as `[CLS]`. */
  tokenToId(token: string): number | undefined;
}
