import type { Distance } from "./collection.ts";
import type { Embedder } from "./embedder.ts";

/** Which parts of an existing table are searched. Columns are given by their exact names. */
export interface AttachOptions {
  /** `products`, or with its schema: `shop.products`. A table, a view or a materialised view. */
  readonly table: string;
  /** The column that names a row, with a unique index. Of any type: hits have it as text. */
  readonly id: string;
  /** The column with the text. Rows where it is null are not found. */
  readonly content: string;
  /** The column with the embeddings, `vector` or `halfvec`. Without it only keyword search works. */
  readonly embedding?: string | undefined;
  /** A `jsonb` column, or the names of up to 50 columns that become its fields. Default: no metadata. */
  readonly metadata?: string | readonly string[] | undefined;
  /** What made the embeddings: it embeds the queries. Default: the built-in static embedder. */
  readonly embedder?: Embedder | undefined;
  /** How embeddings are compared; an index is used only when it was made for the same. Default `cosine`. */
  readonly distance?: Distance | undefined;
  /** Text-search language of the content, a Postgres configuration name. Default `english`. */
  readonly language?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}
