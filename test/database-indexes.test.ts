import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../src/collection.ts";
import type { IndexProgress } from "../src/contracts/indexes.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { isServer, openTestDatabase, SHARDS } from "./test-database.ts";

interface Item {
  n: number;
  name: string;
  size: { "it's": number };
  at: Date;
}

let close: () => Promise<void>;
let db: PgVectorDB;
let url: string;

beforeAll(async () => {
  ({ db, close, url } = await openTestDatabase());
});

afterAll(() => close());

async function items(name: string, count = 300): Promise<Collection<Item>> {
  const collection = await db.collection<Item>(name, { embedder: hashEmbedder() });
  await collection.addDocuments(
    Array.from({ length: count }, (_, n) => ({
      id: `${n}`,
      content: `item number ${n}`,
      metadata: { n, name: `name ${n}`, size: { "it's": n }, at: new Date(n * 1e9) },
    })),
    { batchSize: 3000 },
  );
  return collection;
}

describe("indexes", () => {
  it("are made, listed and dropped, and change no answer", async () => {
    const collection = await items("all kinds");
    const ask = async () => [
      await collection.count({ n: { $between: [3, 7] } }),
      await collection.count({ name: { $gte: "name 9" } }),
      await collection.count({ name: { $like: "%r 1%" } }),
      await collection.count({ "size.it's": { $lt: 3 } }),
      await collection.count({ at: { $lt: new Date(5e9) } }),
      await collection.count({ name: { $in: ["name 1", "name 2"] } }),
      (await collection.semanticSearch("item number 7", { k: 3, where: { n: { $lt: 9 } } })).hits[0]?.id,
    ];
    const before = await ask();
    const kinds = async () => (await collection.indexes()).map(({ kind }) => kind).sort();
    expect(await kinds()).toEqual(["id", "keyword"]);

    await collection.createIndex({ m: 8 });
    await collection.createMetadataIndex();
    await collection.createFieldIndex("n", "number");
    await collection.createFieldIndex("name", "string");
    await collection.createFieldIndex("name", "pattern");
    await collection.createFieldIndex("size.it's", "number");
    await collection.createFieldIndex("at", "date");
    // Again: nothing happens.
    await collection.createIndex({ m: 8 });
    await collection.createFieldIndex("at", "date");

    const indexes = await collection.indexes();
    expect(indexes.map(({ kind }) => kind).sort()).toEqual([
      ...Array(5).fill("field"),
      "id",
      "keyword",
      "metadata",
      "vector",
    ]);
    expect(indexes.every(({ isValid, bytes }) => isValid && bytes > 0)).toBe(true);
    const fields = indexes.flatMap(({ field }) => (field === undefined ? [] : [`${field.path} ${field.type}`]));
    expect(fields.sort()).toEqual(["at date", "n number", "name pattern", "name string", "size.it's number"]);
    expect(await ask()).toEqual(before);

    const ofDate = indexes.find(({ field }) => field?.type === "date");
    await collection.dropIndex(ofDate?.name ?? "");
    await collection.dropIndex();
    await collection.dropIndex();
    expect(await kinds()).toEqual([...Array(4).fill("field"), "id", "keyword", "metadata"]);
    expect(await ask()).toEqual(before);
  });

  it("of keyword search and deduplication come back when they are needed", async () => {
    const collection = await items("comes back", 5);
    const keyword = (await collection.indexes()).find(({ kind }) => kind === "keyword");
    await collection.dropIndex(keyword?.name ?? "");
    expect((await collection.keywordSearch("number")).hits).toHaveLength(5);
    await collection.dropIndex(keyword?.name ?? "");
    await collection.addDocuments(["item number 3"], { dedupe: "content" });
    const again = await db.collection("comes back", { embedder: hashEmbedder() });
    expect((await again.keywordSearch("number")).hits).toHaveLength(5);
    expect((await again.indexes()).map(({ kind }) => kind).sort()).toEqual(["content", "id", "keyword"]);
  });

  it.each<[string, (collection: Collection<Item>) => Promise<unknown>, RegExp]>([
    ["an unknown type", (c) => c.createFieldIndex("n", "integer" as never), /`type` must be one of: string, number/],
    ["an empty name", (c) => c.createFieldIndex("a..b", "number"), /`path` must be a metadata field/],
    ["no path", (c) => c.createFieldIndex(7 as never, "number"), /`path` must be a metadata field/],
    ["an unknown option", (c) => c.createMetadataIndex({ m: 8 } as object), /Unknown option `m`/],
    ["concurrently", (c) => c.createIndex({ concurrently: 1 as never }), /`concurrently` must be true or false/],
    ["another table's index", (c) => c.dropIndex("collections_pkey"), /there is no such index. Known: documents_/],
    ["the ids' index", async (c) => c.dropIndex((await c.indexes())[0]?.name ?? ""), /cannot be dropped/],
  ])("refuse %s", async (_name, work, message) => {
    const collection = await db.collection<Item>("refused", { embedder: hashEmbedder() });
    await expect(work(collection)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(message),
    });
  });
});

describe("stats", () => {
  it("count documents, bytes and indexes, and name versions", async () => {
    const half = await db.collection("stats half", { embedder: hashEmbedder({ dimensions: 512 }), storage: "float16" });
    const whole = await db.collection("stats whole", { embedder: hashEmbedder({ dimensions: 512 }) });
    const documents = Array.from({ length: 100 }, (_, n) => ({ id: `${n}`, content: `text ${n}` }));
    await half.addDocuments(documents);
    await whole.addDocuments(documents);
    const stats = await half.stats();
    expect(stats).toMatchObject({
      name: "stats half",
      documents: 100,
      embedder: "test/hash-v1",
      dimensions: 512,
      distance: "cosine",
      storage: "float16",
      language: "english",
      versions: { postgres: expect.stringMatching(/^\d+/), pgvector: expect.stringMatching(/^0\.\d+/) },
    });
    expect(stats.indexes).toEqual(await half.indexes());
    const { table, indexes, total } = stats.bytes;
    expect(total).toBe(table + indexes);
    expect(indexes).toBeGreaterThan(0);
    // 100 vectors of 512 numbers: 100 kB apart.
    expect((await whole.stats()).bytes.table - table).toBeGreaterThan(80_000);
  });
});

// Tables in pieces are indexed in a transaction.
describe.runIf(isServer && SHARDS === undefined)(
  "on a server, of a whole table (one in pieces builds its indexes in a transaction)",
  () => {
    /** A connection of somebody else. */
    async function withClient<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        return await work(client);
      } finally {
        await client.end();
      }
    }

    it("an index is built beside writers, with progress", async () => {
      const collection = await items("beside writers", 3000);
      const progress: IndexProgress[] = [];
      await withClient(async (client) => {
        // An open transaction that has written: a concurrent build waits for its end, a plain one would have to wait to begin.
        await client.query("BEGIN");
        await client.query(`UPDATE pgvectordb.${await tableOf(collection)} SET updated_at = now() WHERE id = '1'`);
        let ended = false;
        const building = collection.createIndex({
          onProgress: (step) => {
            progress.push(step);
            if (ended) return;
            ended = true;
            client.query("COMMIT").catch(() => {});
          },
        });
        await building;
        expect(ended).toBe(true);
      });
      expect(progress[0]?.phase).toMatch(/initializing|waiting for writers|building index/);
      const vector = (await collection.indexes()).find(({ kind }) => kind === "vector");
      expect(vector).toMatchObject({ isValid: true });
    });

    it("a build that is given up leaves nothing behind, and the next one succeeds", async () => {
      const collection = await items("given up", 1000);
      await withClient(async (client) => {
        await client.query("BEGIN");
        await client.query(`UPDATE pgvectordb.${await tableOf(collection)} SET updated_at = now() WHERE id = '1'`);
        const controller = new AbortController();
        const building = collection.createIndex({ signal: controller.signal, onProgress: () => controller.abort() });
        await expect(building).rejects.toMatchObject({ code: "aborted" });
        await client.query("ROLLBACK");
      });
      const kinds = async () => (await collection.indexes()).map(({ kind }) => kind).sort();
      await expect.poll(kinds, { timeout: 20_000 }).toEqual(["id", "keyword"]);
      // The one that was given up may still be on its way out.
      const isBuilt = async () => {
        await collection.createIndex().catch((error: unknown) => expect(error).toMatchObject({ retryable: true }));
        return (await collection.indexes()).some(({ kind, isValid }) => kind === "vector" && isValid);
      };
      await expect.poll(isBuilt, { timeout: 20_000 }).toBe(true);
    });

    async function tableOf(collection: Collection<Item>): Promise<string> {
      const [first] = await collection.indexes();
      return /^documents_\d+/.exec(first?.name ?? "")?.[0] ?? "";
    }
  },
);
