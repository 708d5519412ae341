import type { Collection } from "../../collection.ts";
import type { Candidate } from "../../evaluation/index.ts";
import { searchBy } from "../search-by.ts";
import type { Aspects } from "../space-arguments.ts";

/**
 * Candidates by document: of a document that was split, its best passage. Judgements are about documents, and know them
 * by the ids of their records.
 */
export async function retrieveDocuments(
  collection: Collection,
  method: string,
  query: string,
  options: { readonly k: number; readonly aspects?: Aspects | undefined; readonly signal: AbortSignal },
): Promise<Candidate[]> {
  const { hits } = await searchBy(collection, method, query, options);
  const documents = new Map<string, Candidate>();
  for (const { id, content, score, metadata } of hits) {
    const document = documentOf(metadata) ?? id;
    if (!documents.has(document)) documents.set(document, { id: document, content, score });
  }
  return [...documents.values()];
}

/** The record's id, or the file for passages of a text, as `pgvectordb index` notes them. */
function documentOf(metadata: Readonly<Record<string, unknown>>): string | undefined {
  const { document, path } = (metadata["source"] ?? {}) as { document?: unknown; path?: unknown };
  if (typeof document === "string") return document;
  return typeof path === "string" ? path : undefined;
}
