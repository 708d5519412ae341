import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../../src/collection.ts";
import { PgVectorDB } from "../../src/pgvectordb.ts";
import { hashEmbedder } from "../hash-embedder.ts";
import { newTestDatabase, runOnServer, type TestDatabase } from "../test-database.ts";

const OLD = hashEmbedder({ id: "test/old" });
const DOCUMENTS = 30;
const BATCH = 10;
let database: TestDatabase;
let folder: string;
let db: PgVectorDB;
const children: ChildProcess[] = [];

beforeAll(async () => {
  database = await newTestDatabase();
  folder = mkdtempSync(join(tmpdir(), "pgvectordb-reembed-"));
  db = await PgVectorDB.open({ url: database.url });
});

afterAll(async () => {
  await db.close();
  await database.remove();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

async function exported(collection: Collection): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of collection.export({ embeddings: true })) lines.push(line);
  return lines;
}

async function newCollection(name: string) {
  const collection = await db.collection(name, { embedder: OLD });
  await collection.addDocuments(
    Array.from({ length: DOCUMENTS }, (_, i) => ({ id: `${i}`, content: `document ${i}` })),
  );
  return collection;
}

/** The embedder that the other process moves to, as this one sees it. */
const newEmbedder = () => hashEmbedder({ id: "test/new", dimensions: 2 });

/** A process that moves the collection, and stops in its second batch until it gets a message; it answers how it went. */
async function startMove(name: string): Promise<ChildProcess> {
  const entry = pathToFileURL(join(import.meta.dirname, "../../dist/index.js")).href;
  const script = join(folder, `${crypto.randomUUID()}.mjs`);
  writeFileSync(
    script,
    `import { once } from "node:events";
    import { PgVectorDB } from ${JSON.stringify(entry)};
    let batches = 0;
    const embedDocuments = async (texts) => {
      if (++batches === 2) {
        process.send("in the second batch");
        await once(process, "message");
      }
      return texts.map(() => [1, 1]);
    };
    const embedder = { id: "test/new", dimensions: 2, embedDocuments, embedQuery: async () => [1, 1] };
    const db = await PgVectorDB.open({ url: ${JSON.stringify(database.url)} });
    await db.reembed(${JSON.stringify(name)}, embedder, { batchSize: ${BATCH} }).then(() => process.send("moved"), (error) => process.send(error.code));
    await db.close();
    process.disconnect();`,
  );
  const child = fork(script);
  children.push(child);
  expect(await once(child, "message")).toEqual(["in the second batch", undefined]);
  return child;
}

/** As if a minute had gone by since the other process was last heard of. */
const letLeaseRunOut = (name: string) =>
  runOnServer(
    database.url,
    `UPDATE pgvectordb.collections SET reembed_until = clock_timestamp() - interval '1 second' WHERE name = '${name}'`,
  );

describe("moving a collection to another embedder from two processes", () => {
  it("is refused to the second one, while searches go on, and the first one finishes", async () => {
    const collection = await newCollection("two movers");
    const child = await startMove("two movers");
    await expect(db.reembed("two movers", newEmbedder())).rejects.toMatchObject({
      code: "database_locked",
      retryable: true,
    });
    expect((await collection.semanticSearch("document 7", { k: 1 })).hits).toMatchObject([{ id: "7" }]);
    const answer = once(child, "message");
    child.send("go on");
    expect(await answer).toEqual(["moved", undefined]);
    const moved = await db.collection("two movers", { embedder: newEmbedder() });
    expect(await moved.count()).toBe(DOCUMENTS);
    expect((await moved.semanticSearch("document", { k: 100, exact: true })).hits).toHaveLength(DOCUMENTS);
  });

  it("goes on here after the other was killed, once it is taken to be gone, with what it has not done", async () => {
    await newCollection("killed mover");
    const child = await startMove("killed mover");
    child.kill("SIGKILL");
    await once(child, "exit");
    await expect(db.reembed("killed mover", newEmbedder())).rejects.toMatchObject({ code: "database_locked" });
    await letLeaseRunOut("killed mover");
    const embedder = newEmbedder();
    await db.reembed("killed mover", embedder);
    expect(embedder.embedded).toHaveLength(DOCUMENTS - BATCH);
    expect((await db.collection("killed mover", { embedder })).info).toMatchObject({ embedder: "test/new" });
  });

  it("is taken from a process that stood still for too long, which then writes nothing any more", async () => {
    await newCollection("sleeping mover");
    const child = await startMove("sleeping mover");
    child.kill("SIGSTOP");
    await letLeaseRunOut("sleeping mover");
    const embedder = newEmbedder();
    await db.reembed("sleeping mover", embedder);
    const collection = await db.collection("sleeping mover", { embedder });
    const before = await exported(collection);
    const answer = once(child, "message");
    child.send("go on");
    child.kill("SIGCONT");
    expect(await answer).toEqual(["database_locked", undefined]);
    expect(await exported(collection)).toEqual(before);
  });
});
