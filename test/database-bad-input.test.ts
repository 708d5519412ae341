import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../src/collection.ts";
import { PgVectorDBError } from "../src/errors.ts";
import { PgVectorDB } from "../src/pgvectordb.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { openTestDatabase } from "./test-database.ts";

const SECRET = "xyzzy-secret-text";

let close: () => Promise<void>;
let db: PgVectorDB;
let collection: Collection;

beforeAll(async () => {
  ({ db, close } = await openTestDatabase());
  collection = await db.collection("bad input", { embedder: hashEmbedder() });
  await collection.addDocuments([{ id: "kept", content: "a document that stays" }]);
});

afterAll(() => close());

/** Everything of an error that a log could show. */
function everythingSaid(error: unknown): string {
  const seen: string[] = [];
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    seen.push(current.message, current.stack ?? "", JSON.stringify({ ...current }));
  }
  return seen.join("\n");
}

async function failure(work: () => unknown): Promise<PgVectorDBError> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(PgVectorDBError);
    expect(everythingSaid(error)).not.toContain(SECRET);
    return error as PgVectorDBError;
  }
  throw new Error("It did not fail.");
}

const cyclic: Record<string, unknown> = {};
cyclic["self"] = cyclic;

describe("documents that cannot be added", () => {
  it.each<[string, unknown, RegExp]>([
    ["a string for an array", SECRET, /`documents` must be an array/],
    ["null", null, /`documents` must be an array/],
    ["a number among them", [{ content: "x" }, 7], /`documents\[1\]` must be a string or an object/],
    ["no content", [{ id: "a" }], /`documents\[0\]\.content` must be a string/],
    ["content of another type", [{ content: 7 }], /`documents\[0\]\.content` must be a string/],
    ["empty content", [{ content: SECRET }, { content: "" }], /`documents\[1\]\.content` must not be blank/],
    ["blank content", [" \n\t "], /`documents\[0\]\.content` must not be blank/],
    ["a NUL character", [{ content: `${SECRET}\0` }], /`documents\[0\]\.content` contains a NUL.*replaceAll/],
    ["an unknown field", [{ content: SECRET, title: SECRET }], /unknown field `title`.*`metadata`/],
    ["a number as id", [{ id: 7, content: SECRET }], /`documents\[0\]\.id` must be a string/],
    ["an empty id", [{ id: "", content: SECRET }], /`documents\[0\]\.id`/],
    ["a NUL in the id", [{ id: "a\0", content: SECRET }], /`documents\[0\]\.id` contains a NUL/],
    ["an endless id", [{ id: "i".repeat(2000), content: SECRET }], /`documents\[0\]\.id` must not be longer than 1024/],
    ["metadata that is an array", [{ content: SECRET, metadata: [1] }], /`documents\[0\]\.metadata` must be an object/],
    [
      "a NUL in metadata",
      [{ content: "x", metadata: { a: [`${SECRET}\0`] } }],
      /`documents\[0\]\.metadata` contains a NUL/,
    ],
    ["a NUL in a key", [{ content: "x", metadata: { "a\0": 1 } }], /`documents\[0\]\.metadata` contains a NUL/],
    ["metadata with NaN", [{ content: SECRET, metadata: { a: Number.NaN } }], /number that is not finite/],
    ["metadata with a function", [{ content: SECRET, metadata: { a: () => 1 } }], /contains a function/],
    ["metadata with a bigint", [{ content: SECRET, metadata: { a: 1n } }], /contains a bigint/],
    [
      "metadata that contains itself",
      [{ content: SECRET, metadata: cyclic }],
      /nested deeper than 32 levels, or contains itself/,
    ],
    [
      "an embedding of another length",
      [{ content: SECRET, embedding: [1, 2] }],
      /embedding` must have 64 numbers, not 2/,
    ],
    ["an embedding that is not finite", [{ content: SECRET, embedding: Array(64).fill(Number.NaN) }], /finite/],
    ["an embedding too large for float32", [{ content: SECRET, embedding: Array(64).fill(1e300) }], /finite 32-bit/],
    ["an embedding of strings", [{ content: SECRET, embedding: Array(64).fill("1") }], /finite/],
    ["an embedding that is text", [{ content: SECRET, embedding: "[1]" }], /array of numbers or a Float32Array/],
  ])("%s", async (_name, documents, message) => {
    const error = await failure(() => collection.addDocuments(documents as never));
    expect(error.code).toBe("invalid_argument");
    expect(error.message).toMatch(message);
    expect(await collection.count()).toBe(1);
  });

  it("writes nothing of the batch that holds them, and keeps the batches before", async () => {
    const other = await db.collection("half", { embedder: hashEmbedder() });
    const documents = ["one", "two", "three", "four", "", "six"].map((content) => ({ content }));
    const error = await failure(() => other.addDocuments(documents, { batchSize: 3 }));
    expect(error.message).toContain("`documents[4].content`");
    expect(await other.count()).toBe(3);
  });
});

describe("options", () => {
  it.each<[string, () => unknown, RegExp]>([
    ["batchSize 0", () => collection.addDocuments([], { batchSize: 0 }), /`batchSize` must be an integer from 1/],
    ["an unknown one", () => collection.addDocuments([], { bachSize: 1 } as object), /Unknown option `bachSize`/],
    ["options that are none", () => collection.addDocuments([], null as never), /`options` must be an object/],
    ["onProgress", () => collection.addDocuments([], { onProgress: 1 as never }), /`onProgress` must be a function/],
    ["dedupe", () => collection.addDocuments([], { dedupe: "id" as never }), /`dedupe` must be "content"/],
    ["timeoutMs", () => collection.addDocuments([], { timeoutMs: -1 }), /`timeoutMs` must be a positive number/],
    ["signal", () => collection.semanticSearch("x", { signal: {} as never }), /`signal` must be an AbortSignal/],
    ["k 0", () => collection.semanticSearch("x", { k: 0 }), /`k` must be an integer from 1 to 10000/],
    ["k -1", () => collection.keywordSearch("x", { k: -1 }), /`k`/],
    ["k NaN", () => collection.hybridSearch("x", { k: Number.NaN }), /`k`/],
    ['k "5"', () => collection.hybridSearch("x", { k: "5" as never }), /`k`/],
    ["k 1.5", () => collection.rerankSearch("x", { k: 1.5 }), /`k`/],
    ["exact", () => collection.semanticSearch("x", { exact: 1 as never }), /`exact` must be true or false/],
    [
      "an option of another arm",
      () => collection.keywordSearch("x", { weights: {} } as object),
      /Unknown option `weights`/,
    ],
    ["weights", () => collection.hybridSearch("x", { weights: { semantic: -1 } }), /`weights`/],
    ["weights of nothing", () => collection.hybridSearch("x", { weights: { semantic: 0, keyword: 0 } }), /not both 0/],
    [
      "an unknown weight",
      () => collection.hybridSearch("x", { weights: { bm25: 1 } as object }),
      /`weights` has an unknown arm/,
    ],
    ["rankConstant", () => collection.hybridSearch("x", { rankConstant: -1 }), /`rankConstant`/],
    [
      "method",
      () => collection.rerankSearch("x", { method: "fuzzy" as never }),
      /`method` must be one of: keyword, semantic, hybrid/,
    ],
    ["rerankTopK 0", () => collection.rerankSearch("x", { rerankTopK: 0 }), /`rerankTopK`/],
    ["rerankTopK NaN", () => collection.rerankSearch("x", { rerankTopK: Number.NaN }), /`rerankTopK`/],
    ["threshold", () => collection.rerankSearch("x", { threshold: 2 }), /`threshold` must be a number from 0 to 1/],
    ["offset", () => collection.rerankSearch("x", { offset: -1 }), /`offset`/],
    ["reranker", () => collection.rerankSearch("x", { reranker: {} as never }), /`reranker` must be/],
    ["an empty query", () => collection.semanticSearch(""), /`query` must not be blank/],
    ["a blank query", () => collection.rerankSearch(" \n"), /`query` must not be blank/],
    ["a query of another type", () => collection.keywordSearch(7 as never), /`query` must be a string/],
    ["a NUL in the query", () => collection.hybridSearch(`${SECRET}\0`), /`query` contains a NUL/],
    ["an id of another type", () => collection.get(7 as never), /`id` must be a string/],
    ["an id among ids", () => collection.delete(["a", ""]), /`ids\[1\]`/],
    ["an index's m", () => collection.createIndex({ m: 1 }), /`m` must be an integer from 2 to 100/],
    [
      "an index's efConstruction",
      () => collection.createIndex({ m: 50, efConstruction: 60 }),
      /`efConstruction` must be an integer from 100/,
    ],
    ["no embedder", () => db.collection("x", { embedder: {} as never }), /`embedder.id`/],
    [
      "dimensions",
      () => db.collection("x", { embedder: { ...hashEmbedder(), dimensions: 0 } }),
      /`embedder.dimensions`/,
    ],
    [
      "an embedder without methods",
      () => db.collection("x", { embedder: { id: "a", dimensions: 3 } as never }),
      /`embedDocuments` and `embedQuery`/,
    ],
    ["distance", () => db.collection("x", { distance: "manhattan" as never }), /`distance` must be one of: cosine, l2/],
    [
      "language",
      () => db.collection("x", { embedder: hashEmbedder(), language: "klingon'; --" }),
      /`language` must be one .*english/,
    ],
    ["no name", () => db.collection(" "), /`name` must not be blank/],
    ["a name with a line feed", () => db.collection("a\nb"), /`name` must have at most 100 characters/],
    ["a long name", () => db.collection("n".repeat(101)), /`name`/],
    ["no source", () => PgVectorDB.open({} as never), /`url` must be a folder/],
    ["a server's bad port", () => PgVectorDB.open({ url: `postgres://me:${SECRET}@host:port/db` }), /percent-encoded/],
    ["a pool that is none", () => PgVectorDB.open({ pool: { query() {} } } as never), /`pool` must be a Pool/],
    [
      "another scheme",
      () => PgVectorDB.open({ url: `mysql://me:${SECRET}@host/db` }),
      /scheme "mysql:", which is unknown/,
    ],
    [
      "memory without slashes",
      () => PgVectorDB.open({ url: "memory:" }),
      /scheme "memory:".* lacks its slashes.*"memory:\/\/"/,
    ],
    [
      "a server without slashes",
      () => PgVectorDB.open({ url: `Postgres:me:${SECRET}@host/db` }),
      /scheme "postgres:".*lacks/,
    ],
    ["an unknown open option", () => PgVectorDB.open({ url: "x", path: "y" } as never), /Unknown option `path`/],
    [
      "both sources",
      () => PgVectorDB.open({ url: "x", pglite: { query() {}, transaction() {} } } as never),
      /not both/,
    ],
    ["a pglite that is none", () => PgVectorDB.open({ pglite: {} } as never), /`pglite` must be a PGlite/],
  ])("%s", async (_name, work, message) => {
    const error = await failure(work);
    expect(error.code).toBe("invalid_argument");
    expect(error.message).toMatch(message);
  });
});

describe("embedders that break their contract", () => {
  it.each<[string, unknown, RegExp]>([
    ["too few vectors", [], /gave 0 vectors for 1 texts/],
    ["no array", "vectors", /gave a string for 1 texts/],
    ["wrong dimensions", [[1, 2, 3]], /text 0 that must have 2 numbers, not 3/],
    ["NaN", [[Number.NaN, 1]], /finite/],
    ["infinity", [new Float32Array([Infinity, 1])], /finite/],
  ])("%s", async (name, answer, message) => {
    const embedder = {
      id: "broken",
      dimensions: 2,
      embedDocuments: async () => answer as never,
      embedQuery: async () => [Number.NaN, 0],
    };
    const broken = await db.collection(`broken: ${name}`, { embedder });
    const error = await failure(() => broken.addDocuments([SECRET]));
    expect(error).toMatchObject({ code: "invalid_response", message: expect.stringMatching(message) });
    expect(await broken.count()).toBe(0);
    expect(await failure(() => broken.semanticSearch(SECRET))).toMatchObject({ code: "invalid_response" });
  });
});

describe("input that is hard, but right", () => {
  it("stores a lone surrogate as U+FFFD, and finds it unchanged", async () => {
    const documents = [{ id: "lone", content: "half \ud83d here", metadata: { "k\udc00": "v\ud800" } }];
    await collection.addDocuments(documents);
    expect(await collection.addDocuments(documents)).toMatchObject({ unchanged: 1 });
    expect(await collection.get("lone")).toEqual({
      id: "lone",
      content: "half \ufffd here",
      metadata: { "k\ufffd": "v\ufffd" },
    });
    expect((await collection.hybridSearch("half \ud83d here")).hits[0]?.id).toBe("lone");
    await collection.delete("lone");
  });

  it.each([
    `products"; DROP TABLE pgvectordb.collections; --`,
    "'",
    '"',
    "\\",
    "$1",
    "../../etc/passwd",
    "SELECT",
    "名前 😀",
    "__proto__",
    "constructor",
    "%s%n",
    "a".repeat(100),
  ])("takes %j as a collection's name and as an id", async (name) => {
    const embedder = hashEmbedder();
    const hostile = await db.collection(name, { embedder });
    await hostile.addDocuments([{ id: name, content: `all about ${name}`, metadata: { [name]: name } }]);
    expect((await hostile.hybridSearch(`about ${name}`)).hits).toMatchObject([
      { id: name, metadata: { [name]: name } },
    ]);
    expect((await db.collections()).map((info) => info.name)).toContain(name);
    expect(await hostile.get([name, "none"])).toMatchObject([{ id: name }, undefined]);
    expect(await hostile.delete(name)).toBe(1);
    expect(await db.dropCollection(name)).toBe(true);
    expect(await db.dropCollection(name)).toBe(false);
  });

  it("takes an empty array and an empty iterable", async () => {
    expect(await collection.addDocuments([])).toMatchObject({ documents: 0, inserted: 0, ids: [] });
    expect(await collection.addDocuments(new Set<string>())).toMatchObject({ documents: 0 });
    expect(await collection.get([])).toEqual([]);
    expect(await collection.delete([])).toBe(0);
  });

  it("takes a document of 5 MB and finds it by its words", async () => {
    const word = (i: number) => `${(i % 5000).toString(36)}${"longish".repeat(5)}`;
    const large = Array.from({ length: 130_000 }, (_, i) => word(i)).join(" ");
    expect(large.length).toBeGreaterThan(4_900_000);
    expect(await collection.addDocuments([{ id: "large", content: large }])).toMatchObject({ inserted: 1 });
    expect((await collection.keywordSearch(word(77))).hits).toMatchObject([{ id: "large" }]);
    await collection.delete("large");
  });

  it("takes 10,000 documents", async () => {
    const many = await db.collection("many", { embedder: hashEmbedder({ dimensions: 8 }) });
    const documents = Array.from({ length: 10_000 }, (_, i) => ({ id: `${i}`, content: `number ${i}` }));
    expect(await many.addDocuments(documents)).toMatchObject({ inserted: 10_000 });
    expect(await many.count()).toBe(10_000);
  });
});
