import type { Distance } from "../contracts/collection.ts";

/** The table that a search reads, by the names of its parts. */
export interface SearchTarget {
  readonly schema: string;
  readonly table: string;
  readonly embeddingColumn: string;
  readonly dimensions: number;
  readonly distance: Distance;
  /** Text-search configuration of the content. */
  readonly language: string;
  /** Name of the BM25 index on `content`, in the same schema. */
  readonly keywordIndex: string;
  /** Name that the HNSW index has when there is one, in the same schema. */
  readonly vectorIndex: string;
}
