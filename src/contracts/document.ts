/** What can be reranked: an object with the text in `content` (any further fields are kept), or the text itself. */
export type RerankInput = string | { readonly content: string };

/** What a rerank adds to a document. Higher is better in every field that is a score. */
export interface Reranked {
  /** The rerank score on 0..1. This is what `threshold` compares. */
  readonly score: number;
  /** The model's own number, on the reranker's `scale`. This orders the result. */
  readonly rawScore: number;
  /** Position of the document in the input. */
  readonly index: number;
  /** The `score` the document came with, when it came with one. */
  readonly retrievalScore?: number;
}

/** A new object: the caller's document with its scores. A string becomes `{ content }`. */
export type RerankedDocument<T extends RerankInput> = T extends string
  ? { readonly content: string } & Reranked
  : Omit<T, keyof Reranked> & Reranked;
