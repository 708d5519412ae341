import { LocalReranker, type LocalRerankerOptions } from "./local-reranker.ts";

/** `batchSize` is 32, `device` is `"cpu"`, `model` is `"cross-encoder/ms-marco-MiniLM-L-6-v2"` where they are left out. */
export type CrossEncoderRerankerOptions = LocalRerankerOptions;

/**
 * Reranks with a cross-encoder on this machine: the model reads query and document together. Constructing it is instant;
 * `load()` or the first call loads the model into a worker thread, so the event loop stays free.
 *
 * @throws PgVectorDBError `invalid_argument` for an option that is unknown or of the wrong type
 * @example
 * ```ts
 * await using reranker = new CrossEncoderReranker({ model: "builtin" });
 * const [best] = await reranker.rerank("how long do refunds take?", ["Press the red button.", "Refunds take 14 days."]);
 * ```
 */
export class CrossEncoderReranker extends LocalReranker {
  override readonly name: string = "cross_encoder";

  constructor(options: CrossEncoderRerankerOptions = {}) {
    super(options, { model: "cross-encoder/ms-marco-MiniLM-L-6-v2", device: "cpu", batchSize: 32 });
  }
}
