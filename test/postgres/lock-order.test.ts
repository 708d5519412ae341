import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../../src/collection.ts";
import { PgVectorDB } from "../../src/pgvectordb.ts";
import { hashEmbedder } from "../hash-embedder.ts";
import { documentsTable, type OtherSession, openOtherSession, until, waitingForLocks } from "./other-session.ts";

let session: OtherSession;
let db: PgVectorDB;
let other: pg.Client;

beforeAll(async () => {
  session = await openOtherSession();
  ({ other } = session);
  db = await PgVectorDB.open({ url: session.url });
});

afterAll(() => session.close(db));

/** How many sessions wait for a lock of `other`'s. */
async function waiting(): Promise<number> {
  const { rows } = await other.query(
    "SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))",
  );
  return rows.length;
}

const IDS = ["d", "c", "b", "a"];
const changed = (id: string, content = `text ${id}`) => ({ id, content, metadata: { n: 1 } });

/** Documents that lie in the table in the reverse order of their ids. */
async function reversed(name: string): Promise<{ collection: Collection; table: string }> {
  const collection = await db.collection(name, { embedder: hashEmbedder() });
  for (const id of IDS) await collection.addDocuments([{ id, content: `text ${id}`, metadata: { n: 0 } }]);
  return { collection, table: await documentsTable(other, name) };
}

describe("a batch locks its rows in the order of their ids: those after one that somebody else has are free", () => {
  it.each([
    ["metadata alone", IDS.map((id) => changed(id))],
    ["content of some, metadata of others", IDS.map((id) => changed(id, id === "d" ? "another text" : undefined))],
  ])("%s", async (name, documents) => {
    const { collection, table } = await reversed(name);
    await other.query("BEGIN");
    await other.query(`SELECT FROM ${table} WHERE id = 'a' FOR UPDATE`);
    const loading = collection.addDocuments(documents);
    await until(async () => (await waiting()) === 1);
    await other.query(`SELECT FROM ${table} WHERE id > 'a' ORDER BY id DESC FOR UPDATE NOWAIT`);
    await other.query("COMMIT");
    const fresh = documents.filter(({ content }) => content === "another text").length;
    expect(await loading).toMatchObject({ updated: fresh, metadataUpdated: 4 - fresh });
    expect((await collection.get(IDS)).map((document) => document?.metadata)).toEqual(IDS.map(() => ({ n: 1 })));
  });
});

it("a change or a removal that a deadlock ended is done again", async () => {
  const { collection, table } = await reversed("deadlock");
  const gate = new pg.Client({ connectionString: session.url });
  await gate.connect();
  // Who closes the circle is ended, because `other` looks for one much later.
  await other.query("SET deadlock_timeout = '1min'");
  for (const act of [
    () => collection.update({ where: { n: 0 } }, { merge: { n: 1 } }),
    () => collection.delete({ where: { n: 1 } }),
  ]) {
    await other.query(`BEGIN; SELECT FROM ${table} WHERE id = 'a' FOR UPDATE`);
    await gate.query(`BEGIN; SELECT FROM ${table} WHERE id = 'b' FOR UPDATE`);
    // It takes the rows as they lie: "d" and "c", waits for "b" of `gate`, and then for "a" of `other`, which waits for "d".
    const acting = act();
    await until(async () => (await waitingForLocks(gate)) === 1);
    const others = other.query(`SELECT FROM ${table} WHERE id = 'd' FOR UPDATE`);
    await until(async () => (await waitingForLocks(gate)) === 2);
    await gate.query("COMMIT");
    await others;
    await other.query("COMMIT");
    expect(await acting).toBe(4);
  }
  await gate.end();
  expect(await collection.count()).toBe(0);
});
