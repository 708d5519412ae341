import pg from "pg";
import type { Collection } from "pgvectordb";
import type { Target } from "./store-target.ts";

export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export type Methods = "semantic" | "exact" | "keyword" | "hybrid" | "multimodal" | "trigram";

/** What a multimodal search asks beside meaning and keywords: the bench's own metadata. */
export const SPACES = { number: { kind: "number", field: "number", min: 0, max: 1e6, prefer: "lower" } } as const;

/** Candidates of each first stage. */
const K = 100;
/** How often each query is timed against its own statement. */
const ROUNDS = 5;
/** A slow method is asked fewer of the queries. */
const MOST_MS = 30_000;

/** Milliseconds from call to hits, the query's embedding included. */
export async function measureSearches(
  collection: Collection,
  queries: readonly string[],
): Promise<Record<Methods, Latency>> {
  const searches: Record<Methods, (query: string) => Promise<unknown>> = {
    semantic: (query) => collection.semanticSearch(query, { k: K }),
    exact: (query) => collection.semanticSearch(query, { k: K, exact: true }),
    keyword: (query) => collection.keywordSearch(query, { k: K }),
    hybrid: (query) => collection.hybridSearch(query, { k: K }),
    multimodal: (query) => collection.multimodalSearch(query, { k: K, spaces: { number: { weight: 0.5 } } }),
    trigram: (query) => collection.fuzzySearch(misspelt(query), { k: K }),
  };
  const methods = Object.keys(searches) as Methods[];
  const times = Object.fromEntries(methods.map((method) => [method, [] as number[]])) as Record<Methods, number[]>;
  // The first search of a kind makes the index that it wants.
  for (const method of methods) await searches[method](queries[0] ?? "");
  // One after the other for each query, so that a slow minute of the machine falls on all.
  for (const query of queries) {
    for (const method of methods) {
      if (times[method].reduce((sum, ms) => sum + ms, 0) > MOST_MS) continue;
      times[method].push(await timed(() => searches[method](query)));
    }
  }
  return Object.fromEntries(methods.map((method) => [method, latencyOf(times[method])])) as Record<Methods, Latency>;
}

/** Fuzzy search is for words: the longest one of the query, with two letters in its middle swapped. */
function misspelt(query: string): string {
  const [longest = ""] = query.split(/\s+/).sort((a, b) => b.length - a.length);
  const middle = Math.floor(longest.length / 2);
  const [before, first, second, after] = [
    longest.slice(0, middle - 1),
    longest.slice(middle - 1, middle),
    longest.slice(middle, middle + 1),
    longest.slice(middle + 1),
  ];
  return `${before}${second}${first}${after}`;
}

/** The share of the exact 100 nearest that the index finds. */
export async function measureRecall(collection: Collection, queries: readonly string[]): Promise<number> {
  let sum = 0;
  for (const query of queries) {
    const exact = await collection.semanticSearch(query, { k: K, exact: true });
    const found = await collection.semanticSearch(query, { k: K });
    const ids = new Set(found.hits.map(({ id }) => id));
    sum += exact.hits.filter(({ id }) => ids.has(id)).length / Math.max(1, exact.hits.length);
  }
  return sum / queries.length;
}

/** What a semantic search takes longer than its own statement sent by `pg`, at the median, in milliseconds. */
export async function measureOverhead(
  collection: Collection,
  { server }: Target,
  queries: readonly string[],
): Promise<number | undefined> {
  if (server === undefined) return undefined;
  const differences: number[] = [];
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    for (const query of queries) {
      // The first round warms both connections and the server's cache, and is not counted.
      for (let round = 0; round <= ROUNDS; round++) {
        const startedAt = performance.now();
        const { timings } = await collection.semanticSearch(query, { k: K });
        const ownMs = performance.now() - startedAt - timings.embedMs;
        const statement = server.sent.findLast(({ text }) => text.includes("semantic"));
        if (statement === undefined) return undefined;
        const byHandMs = await timed(() => client.query(statement.text, statement.values));
        if (round > 0) differences.push(ownMs - byHandMs);
      }
    }
  } finally {
    await client.end();
  }
  return latencyOf(differences).p50;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function latencyOf(times: readonly number[]): Latency {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
