/** One embedding. Its length is the embedder's `dimensions`, every value is finite. */
export type Vector = readonly number[] | Float32Array;

export interface EmbedOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Turns text into vectors. Documents and queries have their own methods, because models such as e5 and bge prefix them differently. */
export interface Embedder {
  /** Names the model and its version. A collection remembers it and refuses another. */
  readonly id: string;
  /** Length of every vector. */
  readonly dimensions: number;
  /**
   * What its scores count beside the keywords' 1 in a hybrid search that gives no `weights`, at least 0. Default 0.95. A small
   * embedder says less: one that says anything below 1 is taken for modest, and its order counts less beside the built-in reranker.
   */
  readonly hybridWeight?: number | undefined;
  /** `result[i]` belongs to `texts[i]`. */
  embedDocuments(texts: readonly string[], options?: EmbedOptions): Promise<readonly Vector[]>;
  embedQuery(text: string, options?: EmbedOptions): Promise<Vector>;
  /** Loads what is needed before the first call. Optional: the first call loads it too. */
  load?(options?: EmbedOptions): Promise<void>;
  /** Releases what the embedder holds. */
  close?(): Promise<void>;
}
