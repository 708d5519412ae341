import sql, { raw } from "sql-template-tag";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../src/collection.ts";
import type { OpenDatabase } from "../src/contracts/database.ts";
import type { Where } from "../src/contracts/where.ts";
import { type CollectionRecord, findCollection, targetOf } from "../src/database/catalog.ts";
import { openDatabase } from "../src/database/open-database.ts";
import { PgVectorDB } from "../src/pgvectordb.ts";
import { compileWhere } from "../src/search/compile-where.ts";
import { semanticStatement } from "../src/search/search-statements.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { isCitus, isServer, openTestDatabase } from "./test-database.ts";

let db: PgVectorDB;
let url: string;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ db, url, close } = await openTestDatabase());
});

afterAll(() => close());

const nameOf = (address: string) => raw(`"${new URL(address).pathname.slice(1)}"`);
const idsOf = (result: { hits: readonly { id: string }[] }) => result.hits.map(({ id }) => id);

describe("candidates behind a vector index and a filter", () => {
  const ROWS = 4000;
  const DIMENSIONS = 8;
  let collection: Collection<{ n: number; group: number; rare: number }>;
  let connection: OpenDatabase;
  let reopened: PgVectorDB | undefined;
  // Vectors on an arc: the order of neighbours is known, and rows that match a filter can be put far from the query.
  const vectorOf = (n: number) => {
    const angle = (n / ROWS) * Math.PI;
    return [Math.cos(angle), Math.sin(angle), ...Array(DIMENSIONS - 2).fill(0)];
  };

  beforeAll(async () => {
    const embedder = { ...hashEmbedder({ dimensions: DIMENSIONS }), embedQuery: async () => vectorOf(0) };
    collection = await db.collection("indexed", { embedder });
    await collection.addDocuments(
      Array.from({ length: ROWS }, (_, n) => ({
        id: `${n}`,
        content: n % 2 === 0 ? `even common` : `odd common`,
        metadata: { n, group: n % 100, rare: n % 1000 },
        embedding: vectorOf(n),
      })),
      { batchSize: 1000 },
    );
    await collection.createIndex();
    // A table of this size would be read without the index, which gives up at 20,000 rows.
    connection = await openDatabase({ url });
    for (const setting of [raw("enable_seqscan = off"), raw("hnsw.max_scan_tuples = 1")]) {
      // The embedded database has one connection, a server makes new ones.
      await connection.query(isServer ? sql`ALTER DATABASE ${nameOf(url)} SET ${setting}` : sql`SET ${setting}`);
    }
    if (isServer) {
      await connection.close();
      connection = await openDatabase({ url });
      reopened = await PgVectorDB.open({ url });
      collection = await reopened.collection("indexed", { embedder });
    }
  });

  afterAll(async () => {
    await connection.close();
    await reopened?.close();
  });

  it.skipIf(isCitus)(
    "is really answered by the index, and short (not on Citus, where the plan is that of its nodes: test/citus looks at it)",
    async () => {
      const filter = compileWhere({ n: { $gte: ROWS - 150 } });
      const target = targetOf(
        (await findCollection(connection, "indexed")) as CollectionRecord,
        connection.capabilities,
      );
      const statement = semanticStatement(target, { vector: vectorOf(0), k: 100, filter, exact: false });
      const plan = await connection.query<{ "QUERY PLAN": string }>({
        text: `EXPLAIN ${statement.text}`,
        values: statement.values,
      });
      expect(plan.map((row) => row["QUERY PLAN"]).join("\n")).toMatch(
        /Index Scan using documents_\d+_(\d+_embedding_1_idx|embedding_1_hnsw)/,
      );
      expect((await connection.query<object>(statement)).length).toBeLessThan(100);
    },
  );

  it.each([1, 10, 100, 300])("gets %i when they exist", async (k) => {
    const result = await collection.semanticSearch("x", { k });
    expect(result.candidates).toEqual({ requested: k, returned: k });
    expect(result.hits.map(({ score }) => score)).toEqual(result.hits.map(({ score }) => score).sort((a, b) => b - a));
  });

  it.each<[string, Where<{ n: number; group: number; rare: number }>, number]>([
    ["1 %", { group: 7 }, ROWS / 100],
    ["0.1 %", { rare: 7 }, ROWS / 1000],
    ["the far end", { n: { $gte: ROWS - 150 } }, 150],
    ["nothing", { n: -1 }, 0],
  ])("gets all that a filter keeps: %s", async (_name, where, matching) => {
    const returned = Math.min(100, matching);
    for (const method of [
      "semanticSearch",
      "keywordSearch",
      "fuzzySearch",
      "hybridSearch",
      "multimodalSearch",
    ] as const) {
      const result = await collection[method]("common", { k: 100, where });
      expect([method, result.candidates]).toEqual([method, { requested: 100, returned }]);
    }
    for (const options of [{ match: "phrase" }, { fusion: { kind: "weighted" } }] as const) {
      const result = await collection.hybridSearch("common", { k: 100, where, ...options });
      expect(result.candidates).toEqual({ requested: 100, returned });
    }
    const nearest = Array.from({ length: ROWS }, (_, n) => ({ n, group: n % 100, rare: n % 1000 }));
    const kept = nearest.filter(({ n, group, rare }) =>
      "group" in where ? group === 7 : "rare" in where ? rare === 7 : matching === 150 && n >= ROWS - 150,
    );
    const result = await collection.semanticSearch("x", { k: 100, where, exact: true });
    expect(idsOf(result)).toEqual(kept.slice(0, 100).map(({ n }) => `${n}`));
  });

  it("measures what the index finds of the exact answer", async () => {
    const report = await collection.measureRecall(["x", "y"], { k: 50 });
    expect(report).toMatchObject({ k: 50, indexed: true, perQuery: [expect.any(Number), expect.any(Number)] });
    expect(report.recall).toBeGreaterThan(0.9);
    expect(report.recall).toBeLessThanOrEqual(1);
    expect(report.medianMs).toBeGreaterThan(0);
    expect(report.exactMedianMs).toBeGreaterThan(0);
    const short = await collection.measureRecall(["x"], { k: 100, where: { rare: 7 } });
    expect(short.perQuery).toEqual([1]);
    await expect(collection.measureRecall([])).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(collection.measureRecall(["x"], { k: 0 })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
