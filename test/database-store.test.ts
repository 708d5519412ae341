import sql from "sql-template-tag";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AddProgress } from "../src/contracts/collection.ts";
import { openDatabase } from "../src/database/open-database.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { isCitus, isServer, openTestDatabase } from "./test-database.ts";

let close: () => Promise<void>;
let db: PgVectorDB;
let url: string;

beforeAll(async () => {
  ({ db, url, close } = await openTestDatabase());
});

/** An embedder that waits, with its first documents in hand, until it may go on. */
function heldEmbedder(id: string) {
  const own = hashEmbedder({ id });
  let [arrive, goOn] = [() => {}, () => {}];
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const embedDocuments = async (texts: readonly string[]) => {
    arrive();
    await held;
    return own.embedDocuments(texts);
  };
  return { ...own, embedDocuments, reached, goOn };
}

afterAll(() => close());

describe("addDocuments", () => {
  it("gives ids in input order, and makes UUIDs that sort by time", async () => {
    const collection = await db.collection("ids", { embedder: hashEmbedder() });
    const { ids } = await collection.addDocuments(["first", { id: "mine", content: "second" }, { content: "third" }]);
    expect(ids).toHaveLength(3);
    expect(ids?.[1]).toBe("mine");
    expect(ids?.[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect((ids?.[0] ?? "") < (ids?.[2] ?? "")).toBe(true);
    expect(await collection.get(ids ?? [])).toMatchObject([
      { content: "first" },
      { content: "second" },
      { content: "third" },
    ]);
  });

  it("embeds and writes only what changed", async () => {
    const embedder = hashEmbedder();
    const collection = await db.collection<{ v: number }>("upsert", { embedder });
    const add = (...documents: { id: string; content: string; metadata: { v: number } }[]) =>
      collection.addDocuments(documents);
    await add(
      { id: "a", content: "alpha", metadata: { v: 1 } },
      { id: "b", content: "beta", metadata: { v: 1 } },
      { id: "c", content: "gamma", metadata: { v: 1 } },
    );
    embedder.embedded.length = 0;
    const result = await add(
      { id: "a", content: "alpha", metadata: { v: 1 } },
      { id: "b", content: "beta", metadata: { v: 2 } },
      { id: "c", content: "gamma changed", metadata: { v: 1 } },
      { id: "d", content: "delta", metadata: { v: 1 } },
    );
    expect(result).toMatchObject({
      documents: 4,
      unchanged: 1,
      metadataUpdated: 1,
      updated: 1,
      inserted: 1,
      superseded: 0,
    });
    expect(embedder.embedded).toEqual(["gamma changed", "delta"]);
    expect(await collection.get(["b", "c"])).toMatchObject([
      { content: "beta", metadata: { v: 2 } },
      { content: "gamma changed", metadata: { v: 1 } },
    ]);
    expect((await collection.keywordSearch("changed")).hits).toMatchObject([{ id: "c" }]);
  });

  it.each([1, 2, 100])("lets the last of several documents with one id win, in batches of %i", async (batchSize) => {
    const collection = await db.collection(`last wins ${batchSize}`, { embedder: hashEmbedder() });
    const documents = ["one", "two", "one", "three", "two"].map((content) => ({ id: "same", content }));
    const { ids, ...counts } = await collection.addDocuments(documents, { batchSize });
    expect(ids).toEqual(Array(5).fill("same"));
    expect(counts.inserted + counts.updated + counts.unchanged + counts.superseded).toBe(5);
    expect(await collection.get("same")).toMatchObject({ content: "two" });
    expect(await collection.count()).toBe(1);
  });

  it("keeps one document per text when told so", async () => {
    const collection = await db.collection("dedupe", { embedder: hashEmbedder() });
    const first = await collection.addDocuments(["same", "same", "other", { id: "page", content: "same" }], {
      dedupe: "content",
    });
    expect(first).toMatchObject({ inserted: 2, superseded: 2 });
    const again = await collection.addDocuments(["other", { id: "new", content: "same" }], {
      dedupe: "content",
      batchSize: 1,
    });
    expect(again).toMatchObject({ inserted: 0, updated: 0 });
    expect(again.ids).toEqual([first.ids?.[2], first.ids?.[0]]);
    expect(await collection.count()).toBe(2);
  });

  it("uses the embeddings that documents bring", async () => {
    const embedder = hashEmbedder({ dimensions: 2 });
    const collection = await db.collection("own embeddings", {
      embedder: { ...embedder, embedQuery: async () => [0, 1] },
    });
    await collection.addDocuments([
      { id: "x", content: "points right", embedding: [1, 0] },
      { id: "y", content: "points up", embedding: new Float32Array([0, 1]) },
    ]);
    expect(embedder.embedded).toEqual([]);
    const { hits } = await collection.semanticSearch("up");
    expect(hits.map(({ id, score }) => [id, score])).toEqual([
      ["y", 1],
      ["x", 0],
    ]);
  });

  it("streams: reads no more than two batches ahead (a server three), and tells of what is written", async () => {
    const collection = await db.collection("stream", { embedder: hashEmbedder() });
    let produced = 0;
    const seen: AddProgress[] = [];
    async function* documents() {
      for (; produced < 100; produced++) yield { id: `${produced}`, content: `number ${produced}` };
    }
    let ahead = 0;
    const result = await collection.addDocuments(documents(), {
      batchSize: 10,
      onProgress: (progress) => {
        ahead = Math.max(ahead, produced - progress.documents);
        seen.push(progress);
      },
    });
    expect(seen.map(({ documents: count }) => count)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    expect(ahead).toBeLessThanOrEqual(isServer ? 30 : 20);
    expect(result).toMatchObject({ documents: 100, inserted: 100 });
    expect(result.ids).toBeUndefined();
    expect(await collection.count()).toBe(100);
  });

  it("passes on what a source throws, and keeps the batches before it", async () => {
    const collection = await db.collection("failing source", { embedder: hashEmbedder() });
    const problem = new Error("the source broke");
    function* documents() {
      yield* ["one", "two", "three"];
      throw problem;
    }
    await expect(collection.addDocuments(documents(), { batchSize: 2 })).rejects.toBe(problem);
    expect(await collection.count()).toBe(2);
  });

  it("stops between batches when it is aborted", async () => {
    const collection = await db.collection("aborted", { embedder: hashEmbedder() });
    const controller = new AbortController();
    function* endless() {
      for (let i = 0; ; i++) yield `document ${i}`;
    }
    const adding = collection.addDocuments(endless(), {
      batchSize: 10,
      signal: controller.signal,
      onProgress: ({ documents }) => documents === 30 && controller.abort(),
    });
    await expect(adding).rejects.toMatchObject({ code: "aborted" });
    // The nodes of a cluster commit one after the other: a reader may see a part of a batch for a moment.
    if (isCitus) await expect.poll(async () => (await collection.count()) % 10).toBe(0);
    const count = await collection.count();
    expect(count % 10).toBe(0);
    expect(count).toBeGreaterThanOrEqual(30);
    expect(count).toBeLessThanOrEqual(50);
    await expect(collection.addDocuments(["x"], { signal: controller.signal })).rejects.toMatchObject({
      code: "aborted",
    });
  });

  it("ends at its deadline while an embedder hangs, and writes nothing", async () => {
    const embedder = { ...hashEmbedder(), embedDocuments: () => new Promise<never>(() => {}) };
    const collection = await db.collection("deadline", { embedder });
    await expect(collection.addDocuments(["x"], { timeoutMs: 20 })).rejects.toMatchObject({
      code: "timeout",
      retryable: true,
    });
    expect(await collection.count()).toBe(0);
  });

  it("takes concurrent calls", async () => {
    const collection = await db.collection("concurrent", { embedder: hashEmbedder() });
    const load = (part: number) =>
      collection.addDocuments(
        Array.from({ length: 100 }, (_, i) => ({ id: `${(i + part * 50) % 200}`, content: `text ${i}` })),
        {
          batchSize: 20,
        },
      );
    const results = await Promise.all([load(0), load(1), load(2), load(3)]);
    expect(results.every(({ documents }) => documents === 100)).toBe(true);
    expect(await collection.count()).toBe(200);
  });
});

describe("a collection", () => {
  it("remembers what it was made with, and refuses other settings", async () => {
    const embedder = hashEmbedder({ id: "mine/v1" });
    await db.collection("settings", { embedder, language: "german", distance: "l2" });
    const again = await db.collection("settings", { embedder });
    expect(again.info).toMatchObject({
      name: "settings",
      embedder: "mine/v1",
      dimensions: 64,
      distance: "l2",
      language: "german",
      storage: "float32",
    });
    const open = (options: object) => db.collection("settings", { embedder, ...options });
    await expect(open({ embedder: hashEmbedder({ id: "other/v1" }) })).rejects.toMatchObject({
      code: "collection_mismatch",
      message: expect.stringMatching(/"mine\/v1" \(64 dimensions\), not "other\/v1".*reembed/),
    });
    await expect(open({ embedder: hashEmbedder({ id: "mine/v1", dimensions: 32 }) })).rejects.toMatchObject({
      code: "collection_mismatch",
    });
    await expect(open({ distance: "cosine" })).rejects.toMatchObject({ code: "collection_mismatch" });
    await expect(open({ language: "english" })).rejects.toMatchObject({ code: "collection_mismatch" });
  });

  it("stems by its language", async () => {
    const german = await db.collection("german", { embedder: hashEmbedder(), language: "german" });
    await german.addDocuments(["Die Häuser am See", "Ein Auto"]);
    expect((await german.keywordSearch("Haus")).hits).toMatchObject([{ content: "Die Häuser am See" }]);
  });

  it("says so when it was dropped", async () => {
    const collection = await db.collection("dropped", { embedder: hashEmbedder() });
    await collection.addDocuments(["x"]);
    await db.dropCollection("dropped");
    await expect(collection.count()).rejects.toMatchObject({
      code: "collection_not_found",
      message: expect.stringContaining('"dropped"'),
    });
    await expect(collection.addDocuments(["x"])).rejects.toMatchObject({ code: "collection_not_found" });
    await expect(collection.hybridSearch("x")).rejects.toMatchObject({ code: "collection_not_found" });
    const fresh = await db.collection("dropped", { embedder: hashEmbedder() });
    expect(await fresh.count()).toBe(0);
    await expect(collection.count()).rejects.toMatchObject({ code: "collection_not_found" });
  });
});

describe("reembed", () => {
  const texts = Array.from({ length: 50 }, (_, i) => ({ id: `${i}`, content: `document number ${i}` }));

  it("moves a collection to another embedder, index included", async () => {
    const collection = await db.collection("reembed", { embedder: hashEmbedder({ id: "old" }) });
    await collection.addDocuments(texts);
    await collection.createIndex({ m: 8 });
    const old = await db.collection("reembed", { embedder: hashEmbedder({ id: "old" }) });
    const progress: number[] = [];
    const next = hashEmbedder({ id: "new", dimensions: 32 });
    await collection.reembed(next, { batchSize: 20, onProgress: ({ documents }) => progress.push(documents) });
    expect(progress).toEqual([20, 40, 50]);
    expect(collection.info).toMatchObject({ embedder: "new", dimensions: 32 });
    expect((await collection.semanticSearch("document number 7", { k: 50 })).candidates.returned).toBe(50);
    expect((await db.collections()).find(({ name }) => name === "reembed")).toMatchObject({ embedder: "new" });
    await expect(old.semanticSearch("x")).rejects.toMatchObject({ code: "collection_mismatch" });
    await expect(old.addDocuments(["x"])).rejects.toMatchObject({ code: "collection_mismatch" });
    await collection.reembed(next);
    expect(next.embedded).toHaveLength(50);
  });

  it("stays usable meanwhile, includes what is added meanwhile, and goes on after an interruption", async () => {
    const collection = await db.collection("interrupted", { embedder: hashEmbedder({ id: "old" }) });
    await collection.addDocuments(texts);
    const next = hashEmbedder({ id: "new", dimensions: 32 });
    const controller = new AbortController();
    const first = collection.reembed(next, {
      batchSize: 10,
      signal: controller.signal,
      onProgress: ({ documents }) => documents === 20 && controller.abort(),
    });
    await expect(first).rejects.toMatchObject({ code: "aborted" });
    expect((await collection.semanticSearch("document number 7")).hits[0]).toMatchObject({ id: "7" });
    await collection.addDocuments([
      { id: "0", content: "changed meanwhile" },
      { id: "50", content: "added meanwhile" },
    ]);
    await collection.reembed(next, { batchSize: 10 });
    expect(next.embedded.filter((text) => text === "document number 5")).toHaveLength(1);
    expect((await collection.semanticSearch("changed meanwhile")).hits[0]).toMatchObject({
      id: "0",
      score: expect.closeTo(1, 5),
    });
    expect((await collection.semanticSearch("added meanwhile")).hits[0]).toMatchObject({ id: "50" });
  });

  it("is one's alone: another is told to wait, and nothing is mixed when it is taken over", async () => {
    const collection = await db.collection("contended", { embedder: hashEmbedder({ id: "old" }) });
    await collection.addDocuments(texts);
    const next = heldEmbedder("next");
    const first = collection.reembed(next, { batchSize: 20 });
    // Told below.
    first.catch(() => {});
    await next.reached;
    const other = hashEmbedder({ id: "other" });
    for (const embedder of [other, hashEmbedder({ id: "next" }), hashEmbedder({ id: "old" })]) {
      await expect(db.reembed("contended", embedder)).rejects.toMatchObject({
        code: "database_locked",
        retryable: true,
        message: expect.stringMatching(/being moved to another embedder.*Wait until that is done/),
      });
    }
    expect(other.embedded).toEqual([]);
    next.goOn();
    await first;
    expect(collection.info).toMatchObject({ embedder: "next" });
    await collection.reembed(other);
    expect((await collection.semanticSearch("document number 7")).hits[0]).toMatchObject({ id: "7" });
  });

  it("knows another process by its sign of life, and notices when it was taken over itself", async () => {
    const collection = await db.collection("leased", { embedder: hashEmbedder({ id: "old" }) });
    await collection.addDocuments(texts);
    const connection = await openDatabase({ url });
    // As another process leaves it.
    const lease = (seconds: number) =>
      connection.query(
        sql`UPDATE pgvectordb.collections SET reembed_owner = 'somebody else', reembed_until = now() + make_interval(secs => ${seconds}) WHERE name = 'leased'`,
      );
    // No other process can have an embedded database open: there it is a dead one's.
    if (isServer) {
      await lease(60);
      await expect(db.reembed("leased", hashEmbedder({ id: "next" }))).rejects.toMatchObject({
        code: "database_locked",
      });
    }
    await lease(-1);
    const next = heldEmbedder("next");
    const overtaken = collection.reembed(next);
    overtaken.catch(() => {});
    await next.reached;
    await lease(60);
    next.goOn();
    await expect(overtaken).rejects.toMatchObject({
      code: "database_locked",
      message: expect.stringMatching(/moves the/),
    });
    expect(collection.info).toMatchObject({ embedder: "old" });
    await lease(-1);
    await connection.close();
    const controller = new AbortController();
    const aborted = heldEmbedder("next");
    const givenUp = collection.reembed(aborted, { signal: controller.signal });
    givenUp.catch(() => {});
    await aborted.reached;
    controller.abort();
    await expect(givenUp).rejects.toMatchObject({ code: "aborted" });
    await collection.reembed(hashEmbedder({ id: "next" }));
    expect((await collection.semanticSearch("document number 7")).hits[0]).toMatchObject({ id: "7" });
  });

  it("works on the database when the old embedder is gone, and changes its mind", async () => {
    const collection = await db.collection("lost", { embedder: hashEmbedder({ id: "lost" }) });
    await collection.addDocuments(["one", "two"]);
    const hanging = { ...hashEmbedder({ id: "second" }), embedDocuments: () => new Promise<never>(() => {}) };
    await expect(db.reembed("lost", hanging, { timeoutMs: 50 })).rejects.toMatchObject({ code: "timeout" });
    await db.reembed("lost", hashEmbedder({ id: "third", dimensions: 16 }));
    const moved = await db.collection("lost", { embedder: hashEmbedder({ id: "third", dimensions: 16 }) });
    expect((await moved.semanticSearch("two")).hits[0]).toMatchObject({ content: "two" });
    await expect(db.reembed("nowhere", hashEmbedder())).rejects.toMatchObject({ code: "collection_not_found" });
  });
});
