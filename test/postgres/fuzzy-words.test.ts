import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Collection } from "../../src/collection.ts";
import { PgVectorDB } from "../../src/pgvectordb.ts";
import { hashEmbedder } from "../hash-embedder.ts";
import { newTestDatabase, type TestDatabase } from "../test-database.ts";
import { documentsTable, until, waitingForLocks } from "./other-session.ts";

const embedder = hashEmbedder();
let database: TestDatabase;
let db: PgVectorDB;
let other: pg.Client;

beforeAll(async () => {
  database = await newTestDatabase();
  db = await PgVectorDB.open({ url: database.url });
  other = new pg.Client({ connectionString: database.url });
  await other.connect();
});

afterAll(async () => {
  await other.end();
  await db.close();
  await database.remove();
});

/** A collection of long texts, each with a word of its own. */
async function longTexts(name: string): Promise<{ collection: Collection; table: string }> {
  const collection = await db.collection(name, { embedder });
  const filler = Array.from({ length: 30 }, (_, n) => `filler${n}`).join(" ");
  await collection.addDocuments(
    Array.from({ length: 1000 }, (_, n) => ({ id: `${n}`, content: `${filler} own${n}x` })),
  );
  return { collection, table: await documentsTable(other, name) };
}

const insert = (table: string, id: string, content: string) =>
  `INSERT INTO ${table} (id, content, metadata, content_hash, embedding_1) SELECT '${id}', '${content}', '{}', '', embedding_1 FROM ${table} LIMIT 1`;

async function statementsOf(collection: Collection, query: string): Promise<string> {
  const { statements } = await collection.explain(query, { method: "trigram", minSimilarity: 0.6, k: 1 });
  return statements.map(({ sql }) => sql).join();
}

it("is served to roles as far as they may read, and kept for those that may write documents only", async () => {
  const { collection, table } = await longTexts("roles");
  await collection.fuzzySearch("own7x");
  const role = `writer_${crypto.randomUUID().replaceAll("-", "")}`;
  await other.query(
    `CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA pgvectordb TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA pgvectordb TO ${role}; GRANT INSERT, UPDATE, DELETE ON ${table} TO ${role}; REVOKE ALL ON ${table}_vocabulary FROM ${role}`,
  );
  const url = new URL(database.url);
  url.username = role;
  const open = async () => {
    const roleDb = await PgVectorDB.open({ url: url.href });
    return { roleDb, own: await roleDb.collection("roles", { embedder }) };
  };
  const { roleDb, own } = await open();
  await own.addDocuments([{ id: "new", content: "zygomorphic" }]);
  expect((await own.fuzzySearch("zygomorhpic", { k: 1 })).hits[0]?.id).toBe("new");
  expect(await statementsOf(own, "zygomorhpic")).not.toContain("_vocabulary");
  expect((await collection.fuzzySearch("zygomorhpic", { k: 1 })).hits[0]?.id).toBe("new");
  await roleDb.close();
  await other.query(`GRANT SELECT ON ALL TABLES IN SCHEMA pgvectordb TO ${role}`);
  const again = await open();
  expect((await again.own.fuzzySearch("zygomorhpic", { k: 1 })).hits[0]?.id).toBe("new");
  expect(await statementsOf(again.own, "zygomorhpic")).toContain("_vocabulary");
  await again.roleDb.close();
  await other.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
});

it("has the words of whoever was writing while it was made", async () => {
  const { collection, table } = await longTexts("meanwhile");
  await other.query("BEGIN");
  await other.query(insert(table, "new", "zygomorphic"));
  const searching = collection.fuzzySearch("zygomorhpic", { k: 1 });
  await until(async () => (await waitingForLocks(other)) === 1);
  await other.query("COMMIT");
  expect((await searching).hits[0]?.id).toBe("new");
});

it("lets two add the same new word without waiting for each other, and keeps that of the one who stays", async () => {
  const { collection, table } = await longTexts("same word");
  await collection.fuzzySearch("own7x");
  await other.query("BEGIN");
  await other.query(insert(table, "taken back", "zygomorphic"));
  await collection.addDocuments([{ id: "stays", content: "zygomorphic" }]);
  await other.query("ROLLBACK");
  expect((await collection.fuzzySearch("zygomorhpic", { k: 1 })).hits[0]?.id).toBe("stays");
});
