import { LocalReranker, type LocalRerankerOptions } from "./local-reranker.ts";

/** `batchSize` is 16, `device` is `"auto"`, `model` is `"BAAI/bge-reranker-v2-m3"` where they are left out. */
export type HuggingFaceRerankerOptions = LocalRerankerOptions;

/**
 * Reranks with any sequence-classification model of the Hugging Face hub, on this machine. One label is the score; of two
 * the second means "relevant"; of more, `relevantLabel` names it.
 *
 * @throws PgVectorDBError `invalid_argument` for an option that is unknown or of the wrong type
 * @example
 * ```ts
 * await using reranker = new HuggingFaceReranker({ model: "./models/my-reranker", dtype: "auto" });
 * const ranked = await reranker.rerank("how long do refunds take?", documents, { topK: 5 });
 * ```
 */
export class HuggingFaceReranker extends LocalReranker {
  override readonly name: string = "huggingface";

  constructor(options: HuggingFaceRerankerOptions = {}) {
    super(options, { model: "BAAI/bge-reranker-v2-m3", device: "auto", batchSize: 16 });
  }
}
