import { type Collection, PgVectorDB, type SearchResult } from "pgvectordb";
import type { Run } from "pgvectordb/evaluation";
import type { Dataset } from "./quality-datasets.ts";

const CANDIDATES = 100;
type Search = (collection: Collection, text: string) => Promise<SearchResult<object>>;
/** Searches with nothing said but how many, and vectors compared one by one: no run depends on how an index was built. */
const SEARCHES: Readonly<Record<string, Search>> = {
  "keyword search": (collection, text) => collection.keywordSearch(text, { k: CANDIDATES }),
  "semantic search, built-in embedder": (collection, text) =>
    collection.semanticSearch(text, { k: CANDIDATES, exact: true }),
  "hybrid search, built-in embedder": (collection, text) =>
    collection.hybridSearch(text, { k: CANDIDATES, exact: true }),
};

/** The runs of a collection of the set's documents, as a user would make it. */
export async function storeRuns({ queries, documents }: Dataset): Promise<ReadonlyMap<string, Run>> {
  await using db = await PgVectorDB.open({ url: "memory://" });
  const collection = await db.collection("documents", { language: "english" });
  await collection.addDocuments([...documents].map(([id, content]) => ({ id, content })));
  const runs = new Map<string, Run>();
  for (const [name, search] of Object.entries(SEARCHES)) {
    const run = new Map<string, { readonly id: string; readonly score: number }[]>();
    for (const { id, text } of queries) run.set(id, [...(await search(collection, text)).hits]);
    runs.set(name, run);
  }
  return runs;
}
