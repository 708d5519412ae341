import type { Distance, VectorStorage } from "../contracts/collection.ts";

/** The table that a search reads, by the names of its parts. */
export interface SearchTarget {
  readonly schema: string;
  readonly table: string;
  readonly embeddingColumn: string;
  readonly dimensions: number;
  readonly distance: Distance;
  /** Type of the embedding column: `vector` (float32, when absent) or `halfvec`. */
  readonly storage?: VectorStorage | undefined;
  /** Text-search configuration of the content. */
  readonly language: string;
  /** BM25 (pg_textsearch), or Postgres' own full-text search. */
  readonly keywordEngine: "bm25" | "full_text";
  /** Name of the keyword engine's index, in the same schema. */
  readonly keywordIndex: string;
  /** Column with the content's terms (`tsvector`), for full-text search. */
  readonly termsColumn: string;
  /** Name that the HNSW index has when there is one, in the same schema. */
  readonly vectorIndex: string;
  /** pgvector 0.8 and newer: an index scan goes on until enough rows pass the filter. */
  readonly iterativeScan: boolean;
}
