import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../../src/collection.ts";
import type { AddProgress } from "../../src/contracts/collection.ts";
import { PgVectorDBError } from "../../src/errors.ts";
import { PgVectorDB } from "../../src/pgvectordb.ts";
import { hashEmbedder } from "../hash-embedder.ts";
import { newTestDatabase, runOnServer, type TestDatabase } from "../test-database.ts";
import { startCuttingProxy } from "./cutting-proxy.ts";
import { makePrivateServer, POSTGRES_PROGRAMS, type PrivateServer } from "./private-server.ts";

const BATCH = 20;
const embedder = hashEmbedder({ dimensions: 16 });
const textOf = (i: number) => `common text number ${i}`;
const LOST = { code: "database_error", sqlState: expect.stringMatching(/^(08|57P)/), retryable: true };

function* endless(from = 0) {
  for (let i = from; ; i++) yield { id: `${i}`, content: textOf(i) };
}

/** Loads without end until `trouble` is made, and tells what was acknowledged and how it failed. */
async function loadUntil(
  collection: Collection,
  trouble: (progress: AddProgress) => void,
): Promise<{ acknowledged: number; error: unknown }> {
  let acknowledged = 0;
  const error = await collection
    .addDocuments(endless(), {
      batchSize: BATCH,
      onProgress: (progress) => {
        acknowledged = progress.documents;
        trouble(progress);
      },
    })
    .then(
      () => undefined,
      (failure: unknown) => failure,
    );
  return { acknowledged, error };
}

/** Every acknowledged row, no half batch, and everything still works. */
async function expectWhole(collection: Collection, acknowledged: number): Promise<void> {
  const count = await collection.count();
  expect(count).toBeGreaterThanOrEqual(acknowledged);
  expect(count % BATCH).toBe(0);
  const ids = Array.from({ length: acknowledged }, (_, i) => `${i}`);
  expect((await collection.get(ids)).map((document) => document?.content)).toEqual(ids.map((_, i) => textOf(i)));
  const added = await collection.addDocuments([{ id: "after", content: "after the trouble" }]);
  expect(added).toMatchObject({ inserted: 1 });
  expect((await collection.hybridSearch("after trouble", { k: 1 })).hits).toMatchObject([{ id: "after" }]);
  expect((await collection.keywordSearch("common", { k: 10_000 })).candidates.returned).toBe(count);
}

/** Tries again while the failure says that this may help, as a caller would. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PgVectorDBError && error.retryable)) throw error;
    }
  }
}

describe.skipIf(POSTGRES_PROGRAMS === undefined)("a server that dies (needs the server's programs)", () => {
  let server: PrivateServer;
  let db: PgVectorDB;

  beforeAll(async () => {
    server = await makePrivateServer();
    db = await PgVectorDB.open({ url: server.url });
  });

  afterAll(async () => {
    await db.close();
    await server.remove();
  });

  it("in the middle of a load loses nothing acknowledged, and the same process goes on when it is back", async () => {
    const collection = await db.collection("load", { embedder });
    let killing: Promise<void> | undefined;
    const { acknowledged, error } = await loadUntil(collection, ({ documents }) => {
      if (documents >= 300) killing ??= server.kill();
    });
    await killing;
    expect(error).toMatchObject(LOST);
    await expect(collection.count()).rejects.toMatchObject(LOST);
    await server.start();
    await patiently(() => collection.count());
    await expectWhole(collection, acknowledged);
  });

  it("in the middle of queries fails them with a typed error, all of them, and none later", async () => {
    const collection = await db.collection("queries", { embedder });
    await collection.addDocuments(Array.from({ length: 500 }, (_, i) => ({ id: `${i}`, content: textOf(i) })));
    const searches = Array.from({ length: 40 }, () => collection.hybridSearch("common text", { k: 100 }));
    const outcomes = Promise.allSettled(searches);
    await server.kill();
    for (const outcome of await outcomes) {
      if (outcome.status === "fulfilled") expect(outcome.value.candidates.returned).toBe(100);
      else expect(outcome.reason).toMatchObject(LOST);
    }
    await server.start();
    const { candidates } = await patiently(() => collection.hybridSearch("common text", { k: 100 }));
    expect(candidates.returned).toBe(100);
  });
});

describe("a connection that is cut", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await newTestDatabase();
  });
  afterAll(() => database.remove());

  it("in the middle of a load is a typed error; the next call gets another connection", async () => {
    const proxy = await startCuttingProxy(database.url);
    const db = await PgVectorDB.open({ url: proxy.url });
    const collection = await db.collection("cut", { embedder });
    let cutting: Promise<void> | undefined;
    const { acknowledged, error } = await loadUntil(collection, ({ documents }) => {
      if (documents >= 300) cutting ??= proxy.cut();
    });
    await cutting;
    expect(error).toMatchObject(LOST);
    await expectWhole(collection, acknowledged);
    // Idle connections break too, and nobody notices.
    await proxy.cut();
    expect(await patiently(() => collection.count())).toBeGreaterThan(acknowledged);
    await db.close();
    await proxy.close();
  });
});

describe("limits of the server", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await newTestDatabase();
  });
  afterAll(() => database.remove());

  const withSetting = (setting: string) => `${database.url}?options=${encodeURIComponent(`-c ${setting}`)}`;

  it("a lock that another session holds ends the wait with a typed error", async () => {
    const db = await PgVectorDB.open({ url: withSetting("lock_timeout=100ms") });
    const collection = await db.collection("locked", { embedder });
    await collection.addDocuments([{ id: "a", content: "alpha" }]);
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    const { rows } = await other.query<{ name: string }>(
      "SELECT 'pgvectordb.documents_' || id AS name FROM pgvectordb.collections WHERE name = 'locked'",
    );
    await other.query(`BEGIN; LOCK TABLE ${rows[0]?.name} IN ACCESS EXCLUSIVE MODE`);
    await expect(collection.addDocuments(["b"])).rejects.toMatchObject({
      code: "database_error",
      sqlState: "55P03",
      retryable: true,
      message: expect.stringContaining("lock_timeout"),
    });
    await other.query("ROLLBACK");
    await other.end();
    expect(await collection.addDocuments(["b"])).toMatchObject({ inserted: 1 });
    await db.close();
  });

  it("a statement time-out ends the statement with a typed error", async () => {
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await using patient = await PgVectorDB.open({ url: database.url });
    await patient.collection("slow", { embedder });
    const db = await PgVectorDB.open({ url: withSetting("statement_timeout=300ms") });
    await other.query("BEGIN; LOCK TABLE pgvectordb.collections IN ACCESS EXCLUSIVE MODE");
    await expect(db.collections()).rejects.toMatchObject({
      code: "database_error",
      sqlState: "57014",
      retryable: true,
      message: expect.stringContaining("statement_timeout"),
    });
    await other.query("ROLLBACK");
    await other.end();
    expect((await db.collections()).length).toBeGreaterThan(0);
    await db.close();
  });

  it("a pool with no connection left is a typed error, and works again when one is free", async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1, connectionTimeoutMillis: 1000 });
    const db = await PgVectorDB.open({ pool });
    const taken = await pool.connect();
    await expect(db.collections()).rejects.toMatchObject({
      code: "overloaded",
      retryable: true,
      message: expect.stringContaining("higher `max`"),
    });
    taken.release();
    expect(Array.isArray(await db.collections())).toBe(true);
    await db.close();
    await pool.end();
  });
});

const canMount = process.getuid?.() === 0 && POSTGRES_PROGRAMS !== undefined && tryMount();

function tryMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "pgvectordb-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { stdio: "ignore" });
    execFileSync("umount", [folder]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.skipIf(!canMount)("a full disk (needs root and tmpfs)", () => {
  let server: PrivateServer;
  let disk: string;

  beforeAll(async () => {
    server = await makePrivateServer();
    disk = mkdtempSync(join(tmpdir(), "pgvectordb-disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", disk]);
    chownSync(disk, server.owner.uid ?? 0, server.owner.gid ?? 0);
    chmodSync(disk, 0o700);
    await runOnServer(server.url, `CREATE TABLESPACE small LOCATION '${disk}'`);
    await runOnServer(server.url, "CREATE DATABASE small TABLESPACE small");
  });

  afterAll(async () => {
    await server.remove();
    execFileSync("umount", [disk]);
    if (existsSync(disk)) rmSync(disk, { recursive: true, force: true });
  });

  it("is a typed error; nothing acknowledged is lost, and it goes on once there is room", async () => {
    const url = new URL(server.url);
    url.pathname = "/small";
    const db = await PgVectorDB.open({ url: url.href });
    const collection = await db.collection("full", { embedder: hashEmbedder({ dimensions: 1000 }) });
    const { acknowledged, error } = await loadUntil(collection, () => {});
    expect(error).toMatchObject({ code: "database_error", sqlState: "53100", retryable: true });
    expect(acknowledged).toBeGreaterThan(0);
    expect((await collection.count()) % BATCH).toBe(0);
    execFileSync("mount", ["-o", "remount,size=64m", disk]);
    await expectWhole(collection, acknowledged);
    await db.close();
  });
});
