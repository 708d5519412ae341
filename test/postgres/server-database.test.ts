import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import pg from "pg";
import sql from "sql-template-tag";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import type { OpenDatabase } from "../../src/contracts/database.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import type { PoolLike } from "../../src/database/server-database.ts";
import { PgVectorDB } from "../../src/pgvectordb.ts";
import { newDatabaseFolder, removeFolder } from "../database-template.ts";
import { hashEmbedder } from "../hash-embedder.ts";
import { newServerDatabase, newTestDatabase, runOnServer, SERVER_URL, type TestDatabase } from "../test-database.ts";
import { until } from "./other-session.ts";

const embedder = hashEmbedder();
let database: TestDatabase;
let connection: OpenDatabase;

beforeAll(async () => {
  database = await newTestDatabase();
  connection = await openDatabase({ url: database.url });
});

afterAll(async () => {
  await connection.close();
  await database.remove();
});

/** How many statements like this one run now. */
async function running(pattern: string): Promise<number> {
  const rows = await connection.query(
    sql`SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE ${pattern} AND pid <> pg_backend_pid() AND datname = current_database()`,
  );
  return rows.length;
}

/** How many wait to bring the client's database up to date. */
async function waitingForTurn(client: pg.Client): Promise<number> {
  const { rows } = await client.query(
    "SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()",
  );
  return rows.length;
}

describe("opening", () => {
  it("is done by many processes at once, on a database that is still empty", async () => {
    const empty = await newServerDatabase(SERVER_URL ?? "");
    const script = join(tmpdir(), `pgvectordb-open-${crypto.randomUUID()}.mjs`);
    const entry = pathToFileURL(join(import.meta.dirname, "../../dist/index.js")).href;
    writeFileSync(
      script,
      `import { PgVectorDB } from ${JSON.stringify(entry)};
      const embedder = { id: "test/constant", dimensions: 2, embedDocuments: async (texts) => texts.map(() => [1, 1]), embedQuery: async () => [1, 1] };
      process.once("message", async () => {
        const open = async (i) => {
          const db = await PgVectorDB.open({ url: ${JSON.stringify(empty.url)} });
          const collection = await db.collection("shared", { embedder });
          await collection.addDocuments([process.pid + "-" + i]);
          await collection.keywordSearch("anything");
          await db.close();
        };
        await Promise.all([0, 1, 2].map(open)).then(() => process.send("ok"), (error) => process.send(String(error)));
        process.disconnect();
      });
      process.send("ready");`,
    );
    const children = [0, 1, 2].map(() => fork(script));
    await Promise.all(children.map((child) => once(child, "message")));
    const answers = children.map((child) => once(child, "message"));
    for (const child of children) child.send("go");
    expect(await Promise.all(answers)).toEqual(children.map(() => ["ok", undefined]));
    await Promise.all(children.map((child) => child.exitCode ?? once(child, "exit")));
    {
      await using db = await PgVectorDB.open({ url: empty.url });
      const collection = await db.collection("shared", {
        embedder: { ...embedder, id: "test/constant", dimensions: 2 },
      });
      expect(await collection.count()).toBe(9);
    }
    await empty.remove();
  });

  it("sees the schema that another process made while this one waited for its turn", async () => {
    const empty = await newServerDatabase(SERVER_URL ?? "");
    await runOnServer(empty.url, "CREATE EXTENSION vector; CREATE EXTENSION pg_trgm");
    const first = new pg.Client({ connectionString: empty.url });
    await first.connect();
    await first.query("BEGIN");
    await first.query("SELECT pg_advisory_xact_lock(hashtextextended('pgvectordb schema', 0))");
    const pool = new pg.Pool({ connectionString: empty.url, max: 1 });
    // With its first such statement a session reads what others have changed; after that it goes by what it remembers.
    await pool.query("CREATE TEMPORARY TABLE warm (n integer)");
    const opening = PgVectorDB.open({ pool });
    await until(async () => (await waitingForTurn(first)) === 1);
    await first.query("CREATE SCHEMA pgvectordb CREATE TABLE schema_version (version integer NOT NULL)");
    await first.query("COMMIT");
    await first.end();
    const db = await opening;
    expect(await db.collections()).toEqual([]);
    await db.close();
    await pool.end();
    await empty.remove();
  });

  it.each(["repeatable read", "serializable"])("takes turns where transactions are %s by default", async (level) => {
    const empty = await newServerDatabase(SERVER_URL ?? "");
    await runOnServer(empty.url, "CREATE EXTENSION vector; CREATE EXTENSION pg_trgm");
    await runOnServer(
      empty.url,
      `ALTER DATABASE ${new URL(empty.url).pathname.slice(1)} SET default_transaction_isolation = '${level}'`,
    );
    const first = new pg.Client({ connectionString: empty.url });
    await first.connect();
    await first.query("BEGIN ISOLATION LEVEL READ COMMITTED");
    await first.query("SELECT pg_advisory_xact_lock(hashtextextended('pgvectordb schema', 0))");
    const opening = Promise.all([0, 1].map(() => PgVectorDB.open({ url: empty.url })));
    await until(async () => (await waitingForTurn(first)) === 2);
    await first.query("COMMIT");
    await first.end();
    const dbs = await opening;
    const collections = await Promise.all(dbs.map((db) => db.collection("same", { embedder })));
    const ids = Array.from({ length: 20 }, (_, i) => ({ id: `${i}`, content: `text ${i}` }));
    await Promise.all(collections.map((collection) => collection.addDocuments(ids, { batchSize: 5 })));
    expect(await collections[0]?.count()).toBe(20);
    for (const db of dbs) await db.close();
    await empty.remove();
  });

  /** A collection that nobody has searched yet, without one of the indexes that searches make for themselves. */
  async function unsearched(name: string): Promise<void> {
    await using db = await PgVectorDB.open({ url: database.url });
    const spaces = { size: { kind: "number", field: "size", min: 0, max: 10, prefer: "lower" } } as const;
    const collection = await db.collection(name, { embedder, spaces });
    await collection.addDocuments([{ id: "a", content: "granted words", metadata: { size: 1 } }]);
    const keyword = (await collection.indexes()).find(({ kind }) => kind === "keyword");
    await collection.dropIndex(keyword?.name ?? "");
  }

  async function expectToBeSearched(url: string, name: string): Promise<void> {
    const reader = await PgVectorDB.open({ url });
    const collection = await reader.collection(name, { embedder });
    const found = await Promise.all([
      collection.semanticSearch("granted"),
      collection.keywordSearch("granted"),
      collection.keywordSearch("granted words", { match: "phrase" }),
      collection.fuzzySearch("grantd"),
      collection.hybridSearch("granted"),
      collection.multimodalSearch("granted", { spaces: { size: { weight: 1 } } }),
    ]);
    expect(found.map(({ hits }) => hits.map(({ id }) => id))).toEqual(found.map(() => ["a"]));
    await expect(collection.addDocuments(["x"])).rejects.toMatchObject({
      code: "database_error",
      sqlState: expect.stringMatching("42501|25006"),
      retryable: false,
    });
    await reader.close();
  }

  it("works for a role that may only read what is there", async () => {
    await unsearched("granted");
    const role = `reader_${crypto.randomUUID().replaceAll("-", "")}`;
    await runOnServer(
      database.url,
      `CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA pgvectordb TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA pgvectordb TO ${role}`,
    );
    const url = new URL(database.url);
    url.username = role;
    await expectToBeSearched(url.href, "granted");
    await runOnServer(database.url, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it("works where every transaction is read-only, as on a replica", async () => {
    await unsearched("replicated");
    const url = new URL(database.url);
    url.searchParams.set("options", "-c default_transaction_read_only=on");
    await expectToBeSearched(url.href, "replicated");
  });

  it("says what is wrong, and never with the password", async () => {
    const open = async (change: (url: URL) => void) => {
      const url = new URL(database.url);
      url.password = "xyzzy-secret";
      change(url);
      const error: unknown = await PgVectorDB.open({ url: url.href }).then(
        () => undefined,
        (failure: unknown) => failure,
      );
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("xyzzy");
      return error;
    };
    const message = expect.stringMatching(/cannot be reached \((ECONNREFUSED|ENOTFOUND|EAI_AGAIN)\)/);
    const nowhere = { code: "database_error", sqlState: "08006", retryable: true, message };
    expect(await open((url) => Object.assign(url, { port: "1" }))).toMatchObject(nowhere);
    expect(await open((url) => Object.assign(url, { hostname: "localhost", port: "1" }))).toMatchObject(nowhere);
    expect(await open((url) => Object.assign(url, { hostname: "nowhere.invalid" }))).toMatchObject(nowhere);
    expect(await open((url) => Object.assign(url, { pathname: "/no_such_database" }))).toMatchObject({
      code: "database_error",
      sqlState: "3D000",
      message: expect.stringContaining("createdb"),
    });
    expect(await open((url) => Object.assign(url, { username: "nobody_here" }))).toMatchObject({
      code: "unauthorized",
      retryable: false,
    });
  });
});

describe("a pool of the caller's", () => {
  it("is used, left open and left as it was", async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 2 });
    const db = await PgVectorDB.open({ pool });
    const collection = await db.collection("pooled", { embedder });
    await collection.addDocuments([{ id: "a", content: "alpha beta", metadata: { n: 1 } }]);
    expect((await collection.hybridSearch("alpha", { where: { n: 1 } })).hits).toMatchObject([{ id: "a" }]);
    await db.close();
    await db.close();
    await expect(collection.count()).rejects.toMatchObject({ code: "closed" });
    expect([pool.ended, pool.idleCount === pool.totalCount, pool.listenerCount("error")]).toEqual([false, true, 0]);
    const { rows } = await pool.query("SELECT count(*) AS count FROM pgvectordb.collections WHERE name = 'pooled'");
    expect(rows).toEqual([{ count: "1" }]);
    const again = await PgVectorDB.open({ pool });
    await pool.end();
    await expect(again.collections()).rejects.toMatchObject({ code: "closed" });
  });

  it("may be `pg`'s, by type", () => {
    expectTypeOf<pg.Pool>().toExtend<PoolLike>();
  });

  it("may ignore the parsers that an application has set", async () => {
    pg.types.setTypeParser(20, () => "changed");
    const pool = new pg.Pool({ connectionString: database.url });
    await using db = await PgVectorDB.open({ pool });
    expect(await (await db.collection("parsers", { embedder })).count()).toBe(0);
    pg.types.setTypeParser(20, (text) => text);
    await db.close();
    await pool.end();
  });
});

it("gives rows that look as PGlite's do", async () => {
  const statement = sql`SELECT 1::int2 AS a, 2::int4 AS b, 3::int8 AS c, 9007199254740993 AS d, 1.5::float4 AS e, 'NaN'::float8 AS f, 1.50::numeric AS g,
    true AS h, '\\x01ff'::bytea AS i, '2020-01-02'::date AS j, '2020-01-02 03:04'::timestamp AS k, '2020-01-02 03:04:05.678+02'::timestamptz AS l,
    '{"a": [1]}'::json AS m, '[1, "x"]'::jsonb AS n, ARRAY['a', 'b,c', NULL, 'NULL', '', ' ', '"\\', '{}'] AS o, '{1,NULL,2}'::int4[] AS p, 'text' AS q, 5::oid AS r,
    '{1.5,-Infinity}'::float8[] AS s, '1 day'::interval AS t, 'abc'::name AS u, 'english'::regconfig AS v, '{3}'::int8[] AS w, 'pg_class'::regclass AS x,
    ${new Uint8Array([0, 1, 255])}::bytea AS y, '{}'::text[] AS z, '[1,2.5]'::vector AS aa, NULL AS ab, ${"it's"}::text AS ac, ${[1, 2]}::int4[] AS ad, ARRAY[true, false] AS ae, '{t,f}'::bool[] AS af`;
  const folder = await newDatabaseFolder();
  const embedded = await openDatabase({ url: folder });
  const [onServer] = await connection.query<Record<string, unknown>>(statement);
  const [onPGlite] = await embedded.query<Record<string, unknown>>(statement);
  await embedded.close();
  removeFolder(folder);
  expect(onServer).toEqual(onPGlite);
  expect(Object.keys(onServer ?? {})).toHaveLength(32);
});

describe("a signal", () => {
  const SLEEP = sql`SELECT pg_sleep(600)`;

  it("cancels the statement that runs, and leaves the connection in order", async () => {
    const controller = new AbortController();
    const sleeping = connection.query(SLEEP, { signal: controller.signal });
    await until(async () => (await running("SELECT pg_sleep(600)%")) === 1);
    controller.abort();
    await expect(sleeping).rejects.toMatchObject({ code: "aborted" });
    expect(await running("SELECT pg_sleep(600)%")).toBe(0);
  });

  it("cancels within a transaction, which leaves nothing behind", async () => {
    const controller = new AbortController();
    const working = connection.transaction(
      async (transaction) => {
        await transaction.query(sql`CREATE TABLE half_made (n integer)`);
        await transaction.query(SLEEP);
      },
      { signal: controller.signal },
    );
    await until(async () => (await running("SELECT pg_sleep(600)%")) === 1);
    controller.abort();
    await expect(working).rejects.toMatchObject({ code: "aborted" });
    expect(await connection.query(sql`SELECT to_regclass('half_made') AS made`)).toEqual([{ made: null }]);
  });

  it("that fires while the only connection is busy does not wait for itself", async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    const single = await openDatabase({ pool });
    const controller = new AbortController();
    const sleeping = single.query(sql`SELECT pg_sleep(0.5)`, { signal: controller.signal });
    await until(async () => (await running("SELECT pg_sleep(0.5)%")) === 1);
    controller.abort();
    expect(await sleeping).toHaveLength(1);
    expect(await single.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
    await single.close();
    expect(pool.totalCount - pool.idleCount).toBe(0);
    await pool.end();
  });

  it("never reaches a statement that comes later on the same connection", async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 2 });
    const pair = await openDatabase({ pool });
    for (let round = 0; round < 200; round++) {
      const controller = new AbortController();
      const first = pair.query(sql`SELECT pg_sleep(0.0005)`, { signal: controller.signal });
      first.catch(() => {});
      setImmediate(() => controller.abort());
      await first.catch((error: unknown) => expect(error).toMatchObject({ code: "aborted" }));
      expect(await pair.query(sql`SELECT pg_sleep(0.0005), ${round}::int AS round`)).toMatchObject([{ round }]);
    }
    await pair.close();
    await pool.end();
  });
});

describe("a failed transaction", () => {
  it("is rolled back, and its connection goes on", async () => {
    const work = connection.transaction(async (transaction) => {
      await transaction.query(sql`CREATE TABLE half_made (n integer)`);
      await transaction.query(sql`SELECT 1 / 0`);
    });
    await expect(work).rejects.toMatchObject({ code: "database_error", sqlState: "22012", retryable: false });
    const problem = new Error("the work's own");
    await expect(connection.transaction(() => Promise.reject(problem))).rejects.toBe(problem);
    expect(await connection.query(sql`SELECT to_regclass('half_made') AS made`)).toEqual([{ made: null }]);
  });
});

it("stores a text with more terms than full-text search takes, and finds it by its beginning", async () => {
  await using db = await PgVectorDB.open({ url: database.url });
  const collection = await db.collection("huge", { embedder });
  const words = Array.from({ length: 300_000 }, (_, i) => `w${i.toString(36)}`);
  await collection.addDocuments([{ id: "huge", content: words.join(" ") }, "another text"]);
  expect((await collection.keywordSearch("w77")).hits).toMatchObject([{ id: "huge" }]);
  expect((await collection.get("huge"))?.content).toHaveLength(words.join(" ").length);
});
