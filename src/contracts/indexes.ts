import type { CollectionInfo } from "./collection.ts";

/** What a field is compared as in an index: strings, numbers and dates by ranges, `pattern` by `$like` and `$ilike`. */
export type FieldIndexType = "string" | "number" | "date" | "pattern";

export interface IndexBuildOptions {
  /**
   * Build without holding up writers (`CREATE INDEX CONCURRENTLY`), which reads the table twice. Default `true` on a server;
   * the embedded database has one connection and nobody to hold up.
   */
  readonly concurrently?: boolean | undefined;
  /** On a server, called about twice a second while the index is built. */
  readonly onProgress?: ((progress: IndexProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface IndexProgress {
  /** Postgres' own name for what it is doing, such as `building index: loading tuples`. */
  readonly phase: string;
  /** Blocks of the table, or rows, done in this phase. */
  readonly done: number;
  /** 0 while Postgres does not know. */
  readonly total: number;
}

export interface VectorIndexOptions extends IndexBuildOptions {
  /** Links per node, 2 to 100. Default 16. */
  readonly m?: number | undefined;
  /** Candidates looked at per insert, 4 to 1000, at least `2 * m`. Default 64. */
  readonly efConstruction?: number | undefined;
}

export interface IndexInfo {
  /** As `dropIndex` takes it. */
  readonly name: string;
  /**
   * `id` belongs to the table; `vector` serves semantic search, `keyword` keyword search, `metadata` equality in filters,
   * `field` one field's ranges or patterns, `trigram` fuzzy search, `space` a space of multimodal search, `content`
   * deduplication; `other` was made by somebody else.
   */
  readonly kind: "id" | "vector" | "keyword" | "metadata" | "field" | "trigram" | "space" | "content" | "other";
  /** Of a `field` index. */
  readonly field?: { readonly path: string; readonly type: FieldIndexType };
  /** Not while it is being built, and not after a build that failed. */
  readonly isValid: boolean;
  readonly bytes: number;
}

export interface CollectionStats extends CollectionInfo {
  readonly documents: number;
  readonly bytes: {
    /** Rows, with what Postgres keeps outside of them. */
    readonly table: number;
    readonly indexes: number;
    readonly total: number;
  };
  readonly indexes: readonly IndexInfo[];
  readonly versions: {
    readonly postgres: string;
    readonly pgvector: string;
    /** pg_textsearch, where keyword search is BM25 by it. */
    readonly textsearch?: string;
  };
}
