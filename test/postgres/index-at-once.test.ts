import type pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Collection } from "../../src/collection.ts";
import { PgVectorDB } from "../../src/pgvectordb.ts";
import { hashEmbedder } from "../hash-embedder.ts";
import { documentsTable, type OtherSession, openOtherSession, until, waitingForLocks } from "./other-session.ts";

let session: OtherSession;
let other: pg.Client;

beforeAll(async () => {
  session = await openOtherSession();
  ({ other } = session);
});

afterAll(() => session.close());

it.each<[string, (collection: Collection) => Promise<unknown>]>([
  ["for deduplication", (collection) => collection.addDocuments(["said before"], { dedupe: "content" })],
  ["of vectors, in a transaction", (collection) => collection.createIndex({ concurrently: false })],
  ["of vectors, beside writers", (collection) => collection.createIndex()],
  ["of metadata, in a transaction", (collection) => collection.createMetadataIndex({ concurrently: false })],
  ["of a field", (collection) => collection.createFieldIndex("n", "number", { concurrently: false })],
  ["for fuzzy search", (collection) => collection.fuzzySearch("sayd befor")],
])("two that make an index at once both get it: %s", async (name, make) => {
  const dbs = await Promise.all([0, 1].map(() => PgVectorDB.open({ url: session.url })));
  const collections = await Promise.all(dbs.map((db) => db.collection(name, { embedder: hashEmbedder() })));
  await collections[0]?.addDocuments([{ id: "a", content: "said before", metadata: { n: 1 } }]);
  const table = await documentsTable(other, name);
  // Both have seen that there is no such index, and wait for whoever writes to the table.
  await other.query("BEGIN");
  await other.query(`UPDATE ${table} SET updated_at = now()`);
  let told = 0;
  const making = Promise.allSettled(collections.map((collection) => make(collection).finally(() => told++)));
  await until(async () => told + (await waitingForLocks(other)) === 2);
  await other.query("COMMIT");
  for (const outcome of await making) {
    // Beside writers one of the two may be told that the other is at it.
    if (outcome.status === "fulfilled") continue;
    expect(name).toBe("of vectors, beside writers");
    expect(outcome.reason).toMatchObject({ retryable: true });
  }
  for (const collection of collections) await make(collection);
  expect((await collections[0]?.indexes())?.every(({ isValid }) => isValid)).toBe(true);
  for (const db of dbs) await db.close();
});
