import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import sql from "sql-template-tag";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openFolder } from "../src/database/folder-database.ts";
import { PgVectorDB } from "../src/pgvectordb.ts";
import { newDatabaseFolder, removeFolder } from "./database-template.ts";
import { hashEmbedder } from "./hash-embedder.ts";

const entry = pathToFileURL(join(import.meta.dirname, "../dist/index.js")).href;
const EMBEDDER = `{ id: "test/constant", dimensions: 2, embedDocuments: async (texts) => texts.map((text) => [text.length, 1]), embedQuery: async () => [1, 1] }`;
const embedder = {
  id: "test/constant",
  dimensions: 2,
  embedDocuments: async (texts: readonly string[]) => texts.map((text) => [text.length, 1]),
  embedQuery: async () => [1, 1],
};

let scripts: string;
const folders: string[] = [];
const children: ChildProcess[] = [];

beforeAll(() => {
  scripts = mkdtempSync(join(tmpdir(), "pgvectordb-scripts-"));
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const folder of folders.splice(0)) removeFolder(folder);
});

afterAll(() => removeFolder(scripts));

async function newFolder(): Promise<string> {
  const folder = await newDatabaseFolder();
  folders.push(folder);
  return folder;
}

/** A process that runs `body` with `PgVectorDB`, `folder`, `embedder` and `tell` at hand. */
function start(folder: string, body: string): ChildProcess {
  const script = join(scripts, `${crypto.randomUUID()}.mjs`);
  writeFileSync(
    script,
    `import { PgVectorDB } from ${JSON.stringify(entry)};
    const folder = ${JSON.stringify(folder)};
    const embedder = ${EMBEDDER};
    const tell = (message) => process.send(message);
    ${body}`,
  );
  const child = fork(script, { stdio: ["ignore", "pipe", "pipe", "ipc"] });
  children.push(child);
  return child;
}

async function said(child: ChildProcess): Promise<unknown> {
  const [message] = (await once(child, "message")) as [unknown];
  return message;
}

async function output(child: ChildProcess): Promise<{ code: number | null; text: string }> {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text };
}

describe("a folder", () => {
  it("is one database for everyone in the process, by whatever path, until the last one closes it", async () => {
    const folder = await newFolder();
    const alias = join(scripts, "alias");
    symlinkSync(folder, alias);
    const [first, second] = await Promise.all([PgVectorDB.open({ url: folder }), PgVectorDB.open({ url: alias })]);
    const writer = await first.collection("shared", { embedder });
    const reader = await second.collection("shared", { embedder });
    await writer.addDocuments(["one"]);
    expect(await reader.count()).toBe(1);
    await first.close();
    await first.close();
    await expect(writer.count()).rejects.toMatchObject({ code: "closed" });
    await expect(first.collections()).rejects.toMatchObject({ code: "closed" });
    await reader.addDocuments(["two"]);
    const closing = second.close();
    await using third = await PgVectorDB.open({ url: pathToFileURL(folder).href });
    await closing;
    expect(await (await third.collection("shared", { embedder })).count()).toBe(2);
  });

  it("is refused to a second process, which harms nothing", async () => {
    const folder = await newFolder();
    await using db = await PgVectorDB.open({ url: folder });
    const collection = await db.collection("mine", { embedder });
    await collection.addDocuments(["one"]);
    const second = start(
      folder,
      "await PgVectorDB.open({ url: folder }).catch((error) => tell([error.code, error.message]));",
    );
    expect(await said(second)).toEqual([
      "database_locked",
      expect.stringMatching(/Another process has the database folder open.*Close it there/),
    ]);
    await collection.addDocuments(["two"]);
    expect(await collection.count()).toBe(2);
  });

  it("keeps every acknowledged batch and no half one when the process is killed", async () => {
    const folder = await newFolder();
    const child = start(
      folder,
      `const db = await PgVectorDB.open({ url: folder });
      const collection = await db.collection("killed", { embedder });
      await collection.addDocuments([{ id: "first", content: "before the load" }]);
      function* documents() { for (let i = 0; ; i++) yield { id: String(i), content: "common text number " + i }; }
      await collection.addDocuments(documents(), { batchSize: 50, onProgress: ({ documents }) => tell(documents) });`,
    );
    let acknowledged = 0;
    child.on("message", (documents: number) => {
      acknowledged = documents;
      if (documents >= 500) child.kill("SIGKILL");
    });
    await once(child, "exit");
    await using db = await PgVectorDB.open({ url: folder });
    const collection = await db.collection("killed", { embedder });
    const count = (await collection.count()) - 1;
    expect(acknowledged).toBeGreaterThanOrEqual(500);
    expect(count).toBeGreaterThanOrEqual(acknowledged);
    expect(count % 50).toBe(0);
    const keyword = await collection.keywordSearch("common", { k: 10_000 });
    expect(keyword.candidates.returned).toBe(count);
    expect(await collection.addDocuments([{ id: "1", content: "common text number 1" }, "new"])).toMatchObject({
      unchanged: 1,
      inserted: 1,
    });
  });

  it("of a process that died while it made it is made anew", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pgvectordb-test-"));
    folders.push(folder);
    mkdirSync(join(folder, "postgres"));
    writeFileSync(join(folder, "postgres", "PG_VERSION"), "half");
    writeFileSync(join(folder, "postgres.unfinished"), "");
    await using db = await PgVectorDB.open({ url: folder });
    expect(await db.collections()).toEqual([]);
    expect(existsSync(join(folder, "postgres.unfinished"))).toBe(false);
  });

  it("is not taken when something else made it, or when it is a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pgvectordb-test-"));
    folders.push(folder);
    writeFileSync(join(folder, "PG_VERSION"), "18");
    await expect(PgVectorDB.open({ url: folder })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("{ pglite }"),
    });
    await expect(PgVectorDB.open({ url: join(folder, "PG_VERSION") })).rejects.toMatchObject({
      code: "invalid_argument",
    });
    expect(readdirSync(folder)).toEqual(["PG_VERSION"]);
  });

  it("of a newer version is refused, and left alone", async () => {
    const folder = await newFolder();
    const database = await openFolder(folder);
    await database.query(sql`UPDATE pgvectordb.schema_version SET version = 99`);
    await expect(PgVectorDB.open({ url: folder })).rejects.toMatchObject({
      code: "database_error",
      message: expect.stringMatching(/newer pgvectordb.*version 99.*Update the package/),
    });
    expect(await database.query(sql`SELECT version FROM pgvectordb.schema_version`)).toEqual([{ version: 99 }]);
    await database.close();
  });

  it("is closed again when opening it is given up", async () => {
    const folder = await newFolder();
    const controller = new AbortController();
    const opening = PgVectorDB.open({ url: folder, signal: controller.signal });
    controller.abort();
    await expect(opening).rejects.toMatchObject({ code: "aborted" });
    const child = start(
      folder,
      `for (;;) try { await PgVectorDB.open({ url: folder }); break; } catch (error) { if (error.code !== "database_locked") throw error; }
      tell("opened");`,
    );
    expect(await said(child)).toBe("opened");
  });
});

describe("a process", () => {
  it("ends by itself after close, and prints nothing", async () => {
    const child = start(
      await newFolder(),
      `process.channel.unref();
      const db = await PgVectorDB.open({ url: folder });
      const collection = await db.collection("x", { embedder });
      await collection.addDocuments(["one"]);
      await collection.hybridSearch("one");
      await db.close();`,
    );
    expect(await output(child)).toEqual({ code: 0, text: "" });
  });

  it("ends by itself even when it forgets to close, and loses nothing", async () => {
    const folder = await newFolder();
    const child = start(
      folder,
      `process.channel.unref();
      const db = await PgVectorDB.open({ url: folder });
      await (await db.collection("x", { embedder })).addDocuments(["one", "two"]);`,
    );
    expect(await output(child)).toEqual({ code: 0, text: "" });
    await using db = await PgVectorDB.open({ url: folder });
    expect(await (await db.collection("x", { embedder })).count()).toBe(2);
  });

  it("goes on with other work while an index is built", async () => {
    await using db = await PgVectorDB.open({ url: await newFolder() });
    const hash = hashEmbedder({ dimensions: 64 });
    const collection = await db.collection("busy", { embedder: hash });
    await collection.addDocuments(Array.from({ length: 2000 }, (_, i) => `text ${i} and ${i % 17} or ${i % 91}`));
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    await collection.createIndex();
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(10);
  });
});

describe("memory:// and a PGlite of the caller's", () => {
  it("work the same, each by itself", async () => {
    const [{ PGlite }, { vector }, { pg_textsearch }, { pg_trgm }] = await Promise.all([
      import("@electric-sql/pglite"),
      import("@electric-sql/pglite-pgvector"),
      import("@electric-sql/pglite-pg_textsearch"),
      import("@electric-sql/pglite/contrib/pg_trgm"),
    ]);
    const folder = await newFolder();
    const pglite = await PGlite.create(join(folder, "postgres"), { extensions: { vector, pg_textsearch, pg_trgm } });
    const given = await PgVectorDB.open({ pglite });
    const memory = await PgVectorDB.open({ url: "memory://" });
    for (const db of [given, memory]) {
      const collection = await db.collection("x", { embedder: hashEmbedder() });
      await collection.addDocuments([
        { id: "a", content: "alpha beta", metadata: { n: 1 } },
        { id: "b", content: "gamma" },
      ]);
      expect(
        await collection.addDocuments([
          { id: "a", content: "alpha beta", metadata: { n: 2 } },
          { id: "b", content: "delta" },
        ]),
      ).toMatchObject({ metadataUpdated: 1, updated: 1 });
      expect((await collection.hybridSearch("alpha", { where: { n: 2 } })).hits).toMatchObject([{ id: "a" }]);
      await db.close();
      await expect(collection.count()).rejects.toMatchObject({ code: "closed" });
    }
    const { rows } = await pglite.query<{ id: string }>("SELECT id FROM pgvectordb.documents_1 ORDER BY id");
    expect(rows).toEqual([{ id: "a" }, { id: "b" }]);
    await pglite.close();
  });

  it("says which extension a PGlite lacks", async () => {
    const bare = async () => ({ rows: [] });
    const pglite = { query: bare, transaction: async () => Promise.reject(new Error("not asked for")) };
    await expect(PgVectorDB.open({ pglite })).rejects.toMatchObject({
      code: "missing_dependency",
      message: expect.stringMatching(/vector, pg_trgm, pg_textsearch.*pglite-pgvector/),
    });
  });
});
