import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PgVectorDB } from "../../src/pgvectordb.ts";
import { hashEmbedder } from "../hash-embedder.ts";
import { documentsTable, type OtherSession, openOtherSession, until } from "./other-session.ts";

const embedder = hashEmbedder();
const BATCH = 10;
let session: OtherSession;
let other: pg.Client;

beforeAll(async () => {
  session = await openOtherSession();
  ({ other } = session);
});

afterAll(() => session.close());

const documents = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `${i}`, content: `document ${i}` }));

/** A collection whose document "0" somebody else has locked, so that the first batch of a load waits. */
async function withLockedRow(db: PgVectorDB, name: string) {
  const collection = await db.collection(name, { embedder });
  await collection.addDocuments([{ id: "0", content: "as it was" }]);
  const table = await documentsTable(other, name);
  await other.query("BEGIN");
  await other.query(`SELECT FROM ${table} WHERE id = '0' FOR UPDATE`);
  return collection;
}

describe("batches that are written at once", () => {
  it("are told of in their order, and no third one is begun", async () => {
    await using db = await PgVectorDB.open({ url: session.url });
    const collection = await withLockedRow(db, "ordered");
    const told: number[] = [];
    let read = 0;
    function* source() {
      for (const document of documents(60)) {
        read++;
        yield document;
      }
    }
    const loading = collection.addDocuments(source(), {
      batchSize: BATCH,
      onProgress: (progress) => told.push(progress.documents),
    });
    await until(async () => (await collection.get("19")) !== undefined && read >= 3 * BATCH);
    expect(told).toEqual([]);
    expect(read).toBe(3 * BATCH);
    expect(await collection.count()).toBe(1 + BATCH);
    await other.query("COMMIT");
    expect(await loading).toMatchObject({ inserted: 59, updated: 1 });
    expect(told).toEqual([10, 20, 30, 40, 50, 60]);
  });

  it("fail alone: what was written beside one is not told of, and the same load goes on from there", async () => {
    await using db = await PgVectorDB.open({ url: session.url });
    const collection = await withLockedRow(db, "failing");
    const told: number[] = [];
    const loading = collection.addDocuments(documents(60), {
      batchSize: BATCH,
      onProgress: (progress) => told.push(progress.documents),
    });
    const refused = expect(loading).rejects.toMatchObject({ code: "database_error", sqlState: "57P01" });
    await until(async () => (await collection.get("19")) !== undefined);
    await other.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))",
    );
    await refused;
    await other.query("COMMIT");
    expect(told).toEqual([]);
    expect((await collection.get("0"))?.content).toBe("as it was");
    expect(await collection.count()).toBe(1 + BATCH);
    expect(await collection.addDocuments(documents(60))).toMatchObject({ inserted: 49, updated: 1, unchanged: 10 });
  });

  it("wait for each other when they share an id: the last one stays", async () => {
    await using db = await PgVectorDB.open({ url: session.url });
    const collection = await withLockedRow(db, "repeated");
    const repeated = [...documents(10), { id: "0", content: "said again" }, { id: "new", content: "beside it" }];
    const loading = collection.addDocuments(repeated, { batchSize: BATCH });
    await until(async () => {
      const { rows } = await other.query(
        "SELECT pid FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))",
      );
      return rows.length === 1;
    });
    await other.query("COMMIT");
    expect(await loading).toMatchObject({ documents: 12, inserted: 10, updated: 2 });
    expect((await collection.get("0"))?.content).toBe("said again");
  });

  it.each([1, 2, 3])("come through a pool of %i, beside searches", async (max) => {
    const pool = new pg.Pool({ connectionString: session.url, max });
    try {
      await using db = await PgVectorDB.open({ pool });
      const collection = await db.collection(`pool of ${max}`, { embedder });
      const loading = collection.addDocuments(documents(200), { batchSize: BATCH });
      await Promise.all(Array.from({ length: 20 }, () => collection.semanticSearch("document 7", { k: 3 })));
      expect(await loading).toMatchObject({ inserted: 200 });
      expect(await collection.count()).toBe(200);
      expect(pool.totalCount).toBeLessThanOrEqual(max);
    } finally {
      await pool.end();
    }
  });
});
