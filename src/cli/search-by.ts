import type { Collection } from "../collection.ts";
import type { SearchResult } from "../contracts/collection.ts";
import { PgVectorDBError } from "../errors.ts";
import type { Aspects } from "./space-arguments.ts";

/** A first stage by its name. @throws PgVectorDBError `invalid_argument` for a name that is none */
export async function searchBy(
  collection: Collection,
  method: string,
  query: string,
  {
    aspects,
    ...options
  }: {
    readonly k: number;
    readonly where?: Record<string, never> | undefined;
    /** What a multimodal search asks. */
    readonly aspects?: Aspects | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<SearchResult<Record<string, unknown>>> {
  if (method === "semantic") return collection.semanticSearch(query, options);
  if (method === "keyword") return collection.keywordSearch(query, options);
  if (method === "hybrid") return collection.hybridSearch(query, options);
  if (method === "trigram") return collection.fuzzySearch(query, options);
  if (method === "multimodal") return collection.multimodalSearch(query, { ...options, ...aspects });
  throw new PgVectorDBError("invalid_argument", "--method must be hybrid, semantic, keyword, trigram or multimodal");
}
