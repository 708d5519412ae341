import sql from "sql-template-tag";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Collection } from "../../src/collection.ts";
import type { OpenDatabase } from "../../src/contracts/database.ts";
import { type CollectionRecord, findCollection, targetOf } from "../../src/database/catalog.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import { PgVectorDB } from "../../src/pgvectordb.ts";
import { searchSettings } from "../../src/search/arms.ts";
import { hybridStatement, semanticStatement } from "../../src/search/search-statements.ts";
import { hashEmbedder } from "../hash-embedder.ts";
import { newTestDatabase, type TestDatabase } from "../test-database.ts";

const ROWS = 2000;
const embedder = hashEmbedder({ dimensions: 16 });
const semantic = { vector: Array(16).fill(0.25), k: 100, filter: undefined, exact: false };

let database: TestDatabase;
let db: PgVectorDB;
let connection: OpenDatabase;
let collection: Collection;

beforeAll(async () => {
  database = await newTestDatabase();
  db = await PgVectorDB.open({ url: database.url });
  connection = await openDatabase({ url: database.url });
  // One shard, so that 100 candidates have to come from one index.
  collection = await db.collection("one shard", { embedder, distribution: { shards: 1 } });
  await collection.addDocuments(
    Array.from({ length: ROWS }, (_, i) => ({ id: `${i}`, content: `text ${i} ${i % 7} ${i % 91}` })),
  );
  await collection.createIndex();
});

afterAll(async () => {
  await connection.close();
  await db.close();
  await database.remove();
});

async function target(name = "one shard") {
  return targetOf((await findCollection(connection, name)) as CollectionRecord, connection.capabilities);
}

it("distributes by id, over the nodes, with the id as key", async () => {
  await db.collection("spread", { embedder, distribution: { column: "id", shards: 8 } });
  const record = (await findCollection(connection, "spread")) as CollectionRecord;
  const name = `pgvectordb.documents_${record.id}`;
  const [table] = await connection.query(
    sql`SELECT distribution_column AS column, shard_count AS shards FROM citus_tables WHERE table_name = ${name}::regclass`,
  );
  expect(table).toEqual({ column: "id", shards: 8 });
  const nodes = await connection.query(
    sql`SELECT DISTINCT nodeport FROM citus_shards WHERE table_name = ${name}::regclass`,
  );
  expect(nodes.length).toBeGreaterThan(1);
});

it("lets the settings reach the nodes: 100 candidates from one shard's index", async () => {
  const statement = semanticStatement(await target(), semantic);
  const settings = searchSettings(await target(), 100);
  expect(settings).toMatchObject({ "hnsw.ef_search": "200" });
  // Without them the nodes look at 40; with an iterative scan they would go on, so it is off for both.
  const only = { "hnsw.ef_search": settings?.["hnsw.ef_search"] ?? "" };
  const plain = await connection.query(statement, { settings: { enable_seqscan: "off" } });
  expect(plain.length).toBeLessThan(100);
  const set = await connection.query(statement, { settings: { ...only, enable_seqscan: "off" } });
  expect(set).toHaveLength(100);
  expect((await collection.semanticSearch("text 7", { k: 100 })).candidates.returned).toBe(100);
});

it("hands both arms down to the shards with their LIMIT", async () => {
  const keyword = { query: "text 7", k: 100, filter: undefined };
  const fusion = { k: 100, semanticWeight: 1, keywordWeight: 1, fusion: { kind: "rrf", rankConstant: 60 } } as const;
  const spread = await db.collection("several shards", { embedder, distribution: { shards: 4 } });
  await spread.addDocuments(["a text"]);
  await spread.createIndex();
  const { text, values } = hybridStatement(await target("several shards"), semantic, keyword, fusion);
  const rows = await connection.query<{ "QUERY PLAN": string }>(
    { text: `EXPLAIN (VERBOSE) ${text}`, values },
    { settings: { enable_seqscan: "off" } },
  );
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toContain("Custom Scan (Citus Adaptive)");
  const queries = plan.split("\n").filter((line) => line.includes("Query: SELECT"));
  expect(queries.filter((query) => /ORDER BY .*LIMIT/.test(query)).length).toBeGreaterThanOrEqual(2);
  expect(plan).toMatch(/Index Scan using documents_\d+_embedding_1_hnsw_\d+/);
});
