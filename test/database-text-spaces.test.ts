import sql, { raw } from "sql-template-tag";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Space } from "../src/contracts/space.ts";
import type { Where } from "../src/contracts/where.ts";
import { type CollectionRecord, findCollection } from "../src/database/catalog.ts";
import { openDatabase } from "../src/database/open-database.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { openTestDatabase, withSettings } from "./test-database.ts";

let db: PgVectorDB;
let url: string;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ db, url, close } = await openTestDatabase());
});

afterAll(() => close());

describe("text spaces", () => {
  it("follow the documents: content, metadata alone, and text that goes away", async () => {
    const embedder = hashEmbedder({ id: "test/own", dimensions: 16 });
    const spaces = { title: { kind: "text", field: "names.title", embedder } } as const;
    const collection = await db.collection<{ names?: { title?: string }; n?: number }>("followed", {
      embedder: hashEmbedder(),
      spaces,
    });
    const scores = async () => {
      const weights = { semantic: 0, keyword: 0 };
      const { hits } = await collection.multimodalSearch("alpha", { spaces: { title: {} }, weights, k: 10 });
      return Object.fromEntries(hits.map(({ id, score }) => [id, Math.round(score * 1000) / 1000]));
    };
    const add = (id: string, title?: string, n = 0) =>
      collection.addDocuments([
        { id, content: "the same", metadata: { ...(title === undefined ? {} : { names: { title } }), n } },
      ]);
    await add("a", "alpha");
    await add("b", "beta");
    await add("c");
    expect(embedder.embedded).toEqual(["alpha", "beta"]);
    expect(await scores()).toMatchObject({ a: 1 });
    await add("a", "alpha", 1);
    expect(embedder.embedded).toEqual(["alpha", "beta"]);
    await add("b", "alpha");
    await add("a");
    expect(embedder.embedded).toEqual(["alpha", "beta", "alpha"]);
    expect(await scores()).toEqual({ b: 1 });
  });

  it("are written with their batch, or not at all", async () => {
    const embedder = hashEmbedder({ id: "test/own", dimensions: 16 });
    const spaces = { title: { kind: "text", field: "title", embedder } } as const;
    const collection = await db.collection<{ title: string; n: number }>("atomic", {
      embedder: hashEmbedder(),
      spaces,
    });
    await collection.addDocuments([{ id: "a", content: "first", metadata: { title: "alpha", n: 1 } }]);
    const connection = await openDatabase({ url });
    const record = (await findCollection(connection, "atomic")) as CollectionRecord;
    const table = raw(`pgvectordb.documents_${record.id}`);
    // Stands for whatever can fail while the space's vectors are written.
    await connection.query(
      sql`ALTER TABLE ${table} ADD CONSTRAINT alpha_only CHECK (space_0_source IS NULL OR space_0_source = sha256('alpha'))`,
    );
    const beta = { title: "beta", n: 2 };
    const batch = [
      { id: "a", content: "changed", metadata: beta },
      { id: "b", content: "new", metadata: { title: "alpha", n: 3 } },
    ];
    await expect(collection.addDocuments(batch)).rejects.toMatchObject({ code: "database_error", sqlState: "23514" });
    await expect(collection.update("a", { merge: beta })).rejects.toMatchObject({ sqlState: "23514" });
    expect(await collection.get(["a", "b"])).toEqual([
      { id: "a", content: "first", metadata: { title: "alpha", n: 1 } },
      undefined,
    ]);
    await connection.query(sql`ALTER TABLE ${table} DROP CONSTRAINT alpha_only`);
    await connection.close();
    await collection.addDocuments(batch);
    const { hits } = await collection.multimodalSearch("beta", {
      spaces: { title: {} },
      weights: { semantic: 0, keyword: 0 },
    });
    expect(hits[0]).toMatchObject({ id: "a", content: "changed", score: expect.closeTo(1, 5) });
  });

  it("belong to the text that is there, whoever writes between the embedding and the writing", async () => {
    const own = hashEmbedder({ id: "test/own", dimensions: 16 });
    let reached = () => {};
    const waiting = new Promise<void>((resolve) => {
      reached = resolve;
    });
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const embedder = {
      ...own,
      embedDocuments: async (texts: readonly string[]) => {
        if (texts.includes("slow title")) {
          reached();
          await held;
        }
        return own.embedDocuments(texts);
      },
    };
    const spaces = { title: { kind: "text", field: "title", embedder } } as const;
    const collection = await db.collection<{ title: string; n?: number }>("raced", {
      embedder: hashEmbedder(),
      spaces,
    });
    await collection.addDocuments([
      { id: "a", content: "a", metadata: { title: "first" } },
      { id: "b", content: "b", metadata: { title: "first" } },
      { id: "d", content: "d", metadata: { title: "first" } },
    ]);
    const adding = collection.addDocuments([
      { id: "c", content: "c", metadata: { title: "slow title" } },
      // Unchanged when they are compared; of the second one the content changes.
      { id: "a", content: "a", metadata: { title: "first" } },
      { id: "d", content: "other d", metadata: { title: "first" } },
    ]);
    await waiting;
    await collection.update(["d"], { merge: { title: "meanwhile" } });
    await collection.update(["a"], { merge: { title: "meanwhile" } });
    const updating = collection.update({ where: { title: "first" } }, { merge: { n: 1 } });
    await updating;
    goOn();
    await adding;
    const search = async (title: string) => {
      const weights = { semantic: 0, keyword: 0 };
      const { hits } = await collection.multimodalSearch(title, { spaces: { title: {} }, weights, k: 10 });
      return hits.filter(({ score }) => score > 0.999).map(({ id }) => id);
    };
    expect(await search("meanwhile")).toEqual(["a"]);
    // The batch was written after it.
    expect((await search("first")).sort()).toEqual(["b", "d"]);
    expect(await search("slow title")).toEqual(["c"]);
  });

  it("are searched by an index, exactly where that gives too few", async () => {
    const ROWS = 2000;
    const angle = (n: number) => [Math.cos((n / ROWS) * Math.PI), Math.sin((n / ROWS) * Math.PI)];
    const embedder = {
      id: "test/arc",
      dimensions: 2,
      embedDocuments: async (texts: readonly string[]) => texts.map((text) => angle(Number(text))),
      embedQuery: async () => angle(0),
    };
    const spaces = {
      arc: { kind: "text", field: "t", embedder },
      group: { kind: "number", field: "group", min: 0, max: 99, prefer: "higher" },
    } satisfies Record<string, Space>;
    type Arc = { t: string; group: number; rare: number };
    const collection = await db.collection<Arc>("arc", { embedder: hashEmbedder({ dimensions: 2 }), spaces });
    await collection.addDocuments(
      Array.from({ length: ROWS }, (_, n) => ({
        id: `${n}`,
        content: "common",
        embedding: [1, 0],
        metadata: { t: `${n}`, group: n % 100, rare: n % 1000 },
      })),
      { batchSize: ROWS },
    );
    await collection.createIndex();
    await withSettings(url, ["enable_seqscan = off", "hnsw.max_scan_tuples = 1"], async (reopened) => {
      const indexed = await reopened.collection<Arc>("arc", { embedder: hashEmbedder({ dimensions: 2 }), spaces });
      const weights = { semantic: 0, keyword: 0 };
      const search = (where?: Where<Arc>) =>
        indexed.multimodalSearch("x", { spaces: { arc: {} }, weights, k: 100, where });
      const { statements } = await indexed.explain("x", { method: "multimodal", spaces: { arc: {} }, weights, k: 10 });
      expect(statements[0]?.plan).toMatch(/Index Scan using documents_\d+(_\d)?_space_0_/);
      expect((await search()).candidates).toEqual({ requested: 100, returned: 100 });
      expect((await search({ group: 7 })).candidates.returned).toBe(20);
      expect((await search({ rare: 7 })).candidates.returned).toBe(2);
      const far = await search({ t: { $in: Array.from({ length: 120 }, (_, n) => `${ROWS - 1 - n}`) } });
      expect(far.hits.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 100 }, (_, n) => ROWS - 120 + n),
      );
      const ordered = await indexed.explain("x", { method: "multimodal", spaces: { group: {} }, weights, k: 10 });
      expect(ordered.statements[0]?.plan).toMatch(/Index Scan Backward using documents_\d+/);
    });
  });
});
