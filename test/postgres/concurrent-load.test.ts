import { expect, it } from "vitest";
import type { Collection } from "../../src/collection.ts";
import { hashEmbedder } from "../hash-embedder.ts";
import { openTestDatabase } from "../test-database.ts";

const SECONDS = Number(process.env["PGVECTORDB_TEST_LOAD_SECONDS"] ?? 5);
const SEARCHERS = 64;
const DOCUMENTS = 2000;
const K = 20;
const METHODS = ["semanticSearch", "keywordSearch", "hybridSearch"] as const;

const embedder = hashEmbedder();

function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

/** A word that no other document has. */
const wordOf = (i: number) => `word${i.toString(36)}x`;
const documentOf = (i: number) => ({ id: `${i}`, content: `common text about ${wordOf(i)}`, metadata: { n: i } });

it(
  `${SEARCHERS} concurrent searches while documents are added: no error, no wrong result (${SECONDS} s)`,
  async () => {
    const { db, close } = await openTestDatabase();
    const collection = await db.collection<{ n: number }>("busy", { embedder });
    await collection.addDocuments(Array.from({ length: DOCUMENTS }, (_, i) => documentOf(i)));
    await collection.createIndex();

    const until = performance.now() + SECONDS * 1000;
    const latencies: number[] = [];
    const search = async (searcher: number) => {
      for (let turn = 0; performance.now() < until; turn++) {
        const startedAt = performance.now();
        await searchAndCheck(
          collection,
          (searcher * 7919 + turn * 104_729) % DOCUMENTS,
          METHODS[turn % 3] ?? "hybridSearch",
        );
        latencies.push(performance.now() - startedAt);
      }
    };
    async function* added() {
      for (let i = DOCUMENTS; performance.now() < until; i++) yield documentOf(i);
    }
    const [result] = await Promise.all([
      collection.addDocuments(added(), { batchSize: 100 }),
      ...Array.from({ length: SEARCHERS }, (_, searcher) => search(searcher)),
    ]);
    expect(await collection.count()).toBe(DOCUMENTS + result.inserted);
    expect(result.inserted).toBeGreaterThan(0);
    latencies.sort((a, b) => a - b);
    const at = (share: number) => latencies[Math.floor(share * latencies.length)]?.toFixed(0);
    console.log(
      `${latencies.length} searches by ${SEARCHERS} at once and ${result.inserted} documents added in ${SECONDS} s: ` +
        `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
    );
    await close();
  },
  SECONDS * 1000 + 60_000,
);

async function searchAndCheck(collection: Collection<{ n: number }>, i: number, method: (typeof METHODS)[number]) {
  const where = i % 2 === 0 ? { n: { $lt: DOCUMENTS } } : undefined;
  const { hits, candidates } = await collection[method](wordOf(i), { k: K, where });
  // The word is in one document only; its vector, unlike its terms, is near to others.
  if (method !== "semanticSearch")
    expect(hits.filter(({ stages }) => stages.keyword?.rank === 1)).toMatchObject([{ id: `${i}` }]);
  expect(candidates.returned).toBe(method === "keywordSearch" ? 1 : K);
  expect(new Set(hits.map(({ id }) => id)).size).toBe(hits.length);
  for (const hit of hits) {
    const { content, metadata } = documentOf(Number(hit.id));
    expect(hit).toMatchObject({ content, metadata });
    const similarity = cosine(await embedder.embedQuery(wordOf(i)), await embedder.embedQuery(content));
    if (hit.stages.semantic !== undefined) expect(hit.stages.semantic.score).toBeCloseTo(similarity, 4);
    if (where !== undefined) expect(hit.metadata.n).toBeLessThan(DOCUMENTS);
  }
  expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).sort((a, b) => b - a));
}
