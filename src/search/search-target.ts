import type { Sql } from "sql-template-tag";
import type { Distance, VectorStorage } from "../contracts/collection.ts";

/** The table that a search reads, by the names of its parts. */
export interface SearchTarget {
  readonly schema: string;
  readonly table: string;
  /** A query that gives the rows instead, where the table is not one of ours; statements call it `ATTACHED`. */
  readonly source?: Sql | undefined;
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
  /** Name of the table with the documents' words, in the same schema, where they are kept. Absent: fuzzy search reads the texts. */
  readonly vocabulary?: string | undefined;
  /** Name that the HNSW index has when there is one, in the same schema. */
  readonly vectorIndex: string;
  /** Whether Citus spreads the table over its nodes. A statement's settings reach them by `QueryOptions` only. */
  readonly isDistributed?: boolean | undefined;
  /** pgvector 0.8 and newer: an index scan goes on until enough rows pass the filter. */
  readonly iterativeScan: boolean;
}
