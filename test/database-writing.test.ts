import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../src/collection.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { openTestDatabase } from "./test-database.ts";

interface Product {
  brand: string;
  price: number;
  onSale?: boolean;
  size?: { width: number; unit?: string };
  since?: Date;
}

let close: () => Promise<void>;
let db: PgVectorDB;

beforeAll(async () => {
  ({ db, close } = await openTestDatabase());
});

afterAll(() => close());

/** Four products, of which two are of one brand. */
async function products(name: string, embedder = hashEmbedder()): Promise<Collection<Product>> {
  const collection = await db.collection<Product>(name, { embedder });
  await collection.addDocuments([
    { id: "a", content: "red shoe", metadata: { brand: "one", price: 1, size: { width: 1, unit: "cm" } } },
    { id: "b", content: "blue shoe", metadata: { brand: "one", price: 2 } },
    { id: "c", content: "red beret", metadata: { brand: "two", price: 3 } },
    { id: "d", content: "blue beret\u2028with a line separator", metadata: { brand: "three", price: 4 } },
  ]);
  return collection;
}

async function metadataOf(collection: Collection<Product>): Promise<Record<string, Product>> {
  const all: Record<string, Product> = {};
  for await (const { id, metadata } of collection.documents()) all[id] = metadata;
  return all;
}

describe("update", () => {
  it("merges fields into the metadata of what a filter matches, and embeds nothing", async () => {
    const embedder = hashEmbedder();
    const collection = await products("merge", embedder);
    embedder.embedded.length = 0;
    const change = { merge: { onSale: true, size: { width: 9 }, since: new Date(0) } };
    expect(await collection.update({ where: { brand: "one" } }, change)).toBe(2);
    expect(await metadataOf(collection)).toEqual({
      a: { brand: "one", price: 1, onSale: true, size: { width: 9 }, since: "1970-01-01T00:00:00.000Z" },
      b: { brand: "one", price: 2, onSale: true, size: { width: 9 }, since: "1970-01-01T00:00:00.000Z" },
      c: { brand: "two", price: 3 },
      d: { brand: "three", price: 4 },
    });
    expect(embedder.embedded).toEqual([]);
    expect(await collection.count({ onSale: true })).toBe(2);
  });

  it("replaces the metadata of documents by id, and says how many there were", async () => {
    const collection = await products("replace");
    expect(await collection.update(["a", "nobody", "d"], { replace: { brand: "new", price: 0 } })).toBe(2);
    expect(await collection.update("nobody", { merge: { price: 5 } })).toBe(0);
    const after = await metadataOf(collection);
    expect([after["a"], after["d"]]).toEqual([
      { brand: "new", price: 0 },
      { brand: "new", price: 0 },
    ]);
    expect(after["b"]).toEqual({ brand: "one", price: 2 });
  });

  it("sets a key that hurts elsewhere", async () => {
    const collection = await db.collection("hostile keys", { embedder: hashEmbedder() });
    await collection.addDocuments([{ id: "x", content: "x", metadata: { kept: 1 } }]);
    const merge = { ["__proto__"]: "'; DROP TABLE x --", "a\"'": null };
    await collection.update("x", { merge });
    expect((await collection.get("x"))?.metadata).toEqual(
      JSON.parse('{"kept":1,"__proto__":"\'; DROP TABLE x --","a\\"\'":null}'),
    );
  });
});

describe("delete", () => {
  it("removes what a filter matches, and tells how many", async () => {
    const collection = await products("delete by filter");
    expect(await collection.delete({ where: { price: { $gte: 2, $lt: 4 } } })).toBe(2);
    expect(Object.keys(await metadataOf(collection))).toEqual(["a", "d"]);
    expect(await collection.delete(["a", "nobody"])).toBe(1);
    expect(await collection.delete("d")).toBe(1);
    expect(await collection.count()).toBe(0);
  });

  it("removes everything only when it is told in so many words", async () => {
    const collection = await products("delete all");
    await collection.createIndex();
    await collection.deleteAll();
    expect(await collection.count()).toBe(0);
    expect((await collection.hybridSearch("red shoe")).hits).toEqual([]);
    await collection.addDocuments([{ id: "z", content: "red shoe", metadata: { brand: "z", price: 1 } }]);
    expect((await collection.hybridSearch("red shoe")).hits).toMatchObject([
      { id: "z", stages: { keyword: { rank: 1 } } },
    ]);
  });
});

describe("a selection", () => {
  const loose = (value: unknown) => value as never;
  it.each<[string, (collection: Collection<Product>) => Promise<unknown>, RegExp]>([
    ["no filter at all", (c) => c.delete({ where: {} }), /`where` must have at least one condition.*deleteAll/],
    ["a filter whose value is missing", (c) => c.delete({ where: { brand: undefined } }), /at least one condition/],
    ["nothing", (c) => c.delete(loose(undefined)), /an id, an array of ids, or `\{ where \}`/],
    ["an empty object", (c) => c.delete(loose({})), /at least one condition/],
    [
      "a part whose value is missing",
      (c) => c.delete({ where: { price: 1, brand: undefined } }),
      /none that is undefined/,
    ],
    [
      "a choice of nothing",
      (c) => c.delete({ where: { $or: [{ brand: "x" }, { brand: undefined }] } }),
      /undefined or empty/,
    ],
    ["a negation of nothing", (c) => c.delete({ where: { $not: {} } }), /undefined or empty/],
    ["not one of none", (c) => c.delete({ where: { brand: { $not: { $in: [] } } } }), /undefined or empty/],
    ["nothing that is one of none", (c) => c.delete({ where: { $not: { brand: { $in: [] } } } }), /undefined or empty/],
    ["a Map", (c) => c.delete({ where: new Map([["brand", "one"]]) as never }), /`where` must be an object/],
    ["other than none", (c) => c.delete({ where: { brand: { $nin: [] } } }), /undefined or empty/],
    [
      "an operator without a value",
      (c) => c.delete({ where: { price: { $lt: 9, $gt: undefined } } }),
      /undefined or empty/,
    ],
    ["an unknown field", (c) => c.delete(loose({ were: { brand: "one" } })), /Unknown option `were`/],
    ["an empty id", (c) => c.delete(""), /`id` must be a string that is not empty/],
    ["a number among the ids", (c) => c.delete(loose(["a", 1])), /`ids\[1\]` must be a string/],
    ["an update of everything", (c) => c.update({ where: {} }, { merge: { price: 1 } }), /at least one condition/],
    ["no change", (c) => c.update("a", loose(undefined)), /either `\{ merge \}` or `\{ replace \}`/],
    ["both changes", (c) => c.update("a", loose({ merge: {}, replace: {} })), /either/],
    ["a change that is none", (c) => c.update("a", loose({ set: {} })), /Unknown option `set`/],
    ["metadata that is a list", (c) => c.update("a", loose({ replace: [1] })), /`replace` must be an object/],
    ["a number that JSON lacks", (c) => c.update("a", { merge: { price: Number.NaN } }), /`merge` contains a number/],
  ])("is refused: %s", async (_name, work, message) => {
    const collection = await db.collection<Product>("selections", { embedder: hashEmbedder() });
    if ((await collection.count()) === 0) {
      await collection.addDocuments([{ id: "a", content: "kept", metadata: { brand: "one", price: 1 } }]);
    }
    const error = await work(collection).then(String, (reason: unknown) => reason);
    expect(error).toMatchObject({ code: "invalid_argument", message: expect.stringMatching(message) });
    expect(await collection.get("a")).toEqual({ id: "a", content: "kept", metadata: { brand: "one", price: 1 } });
  });
});

describe("documents", () => {
  it("come in the order of their ids, page by page, filtered, whatever the page's size", async () => {
    const collection = await db.collection<{ even: boolean }>("pages", { embedder: hashEmbedder() });
    const ids = Array.from({ length: 25 }, (_, i) => `${i}`);
    await collection.addDocuments(ids.map((id) => ({ id, content: id, metadata: { even: Number(id) % 2 === 0 } })));
    for (const batchSize of [1, 5, 25, 100]) {
      const seen: string[] = [];
      for await (const id of collection.ids({ batchSize })) seen.push(id);
      expect(seen).toEqual(ids.toSorted());
      const even: string[] = [];
      for await (const { id } of collection.documents({ batchSize, where: { even: true } })) even.push(id);
      expect(even).toEqual(ids.filter((id) => Number(id) % 2 === 0).toSorted());
    }
    await expect(collection.ids({ batchSize: 0 }).next()).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(collection.documents({ pageSize: 1 } as object).next()).rejects.toThrow(/Unknown option `pageSize`/);
    await expect(collection.ids({ signal: {} as AbortSignal }).next()).rejects.toThrow(
      /`signal` must be an AbortSignal/,
    );
    const signal = AbortSignal.abort();
    await expect(collection.documents({ signal }).next()).rejects.toMatchObject({ code: "aborted" });
  });
});

async function linesOf(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

describe("export and import", () => {
  it("brings documents and vectors over without embedding, in pieces of any size", async () => {
    const source = await products("exported");
    const text = (await linesOf(source.export({ embeddings: true, batchSize: 3 }))).join("");
    const embedder = hashEmbedder();
    const target = await db.collection<Product>("imported", { embedder });
    const pieces =
      Buffer.from(text)
        .toString("latin1")
        .match(/[\s\S]{1,7}/g) ?? [];
    const bytes = Readable.from(pieces.map((piece) => Buffer.from(piece, "latin1")));
    expect(await target.import(bytes)).toMatchObject({ documents: 4, inserted: 4 });
    expect(embedder.embedded).toEqual([]);
    expect(await metadataOf(target)).toEqual(await metadataOf(source));
    expect((await target.get("d"))?.content).toBe("blue beret\u2028with a line separator");
    const [a, b] = [await source.semanticSearch("red beret"), await target.semanticSearch("red beret")];
    expect(b.hits).toEqual(a.hits);
  });

  it.each<[string, (text: string) => string | Buffer]>([
    ["text", (text) => `\uFEFF${text}`],
    ["bytes", (text) => Buffer.from(`\uFEFF${text}`)],
  ])("reads past a byte order mark in %s", async (name, mark) => {
    const source = await products(`marked ${name}`);
    const text = (await linesOf(source.export())).join("");
    const target = await db.collection<Product>(`marked copy ${name}`, { embedder: hashEmbedder() });
    expect(await target.import([mark(text)])).toMatchObject({ inserted: 4 });
  });

  it("embeds what comes without vectors, or with those of another embedder", async () => {
    const source = await products("exported texts");
    const texts = await linesOf(source.export());
    expect(texts.join("")).not.toContain('embedding":"');
    const same = hashEmbedder();
    await (await db.collection<Product>("imported texts", { embedder: same })).import(texts);
    expect(same.embedded).toHaveLength(4);
    const other = hashEmbedder({ id: "other/v1" });
    await (await db.collection<Product>("other embedder", { embedder: other })).import(
      await linesOf(source.export({ embeddings: true })),
    );
    expect(other.embedded).toHaveLength(4);
  });

  it("exports what a filter matches, and an empty collection", async () => {
    const source = await products("exported in part");
    const lines = await linesOf(source.export({ where: { brand: "one" } }));
    expect(lines.slice(1, -1).map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(["a", "b"]);
    await source.deleteAll();
    const nothing = await linesOf(source.export());
    expect(nothing).toHaveLength(2);
    const target = await db.collection<Product>("imported nothing", { embedder: hashEmbedder() });
    expect(await target.import(nothing)).toMatchObject({ documents: 0 });
  });

  it("goes on after an interruption, and writes nothing twice", async () => {
    const source = await db.collection("big", { embedder: hashEmbedder() });
    await source.addDocuments(Array.from({ length: 40 }, (_, i) => ({ id: `${100 + i}`, content: `text ${i}` })));
    const lines = await linesOf(source.export({ embeddings: true }));
    const target = await db.collection("resumed", { embedder: hashEmbedder() });
    await expect(target.import(lines.slice(0, 26), { batchSize: 10 })).rejects.toThrow(/not whole.*is stored/);
    expect(await target.count()).toBe(20);
    const progress: number[] = [];
    const again = await target.import(lines, {
      batchSize: 10,
      onProgress: ({ documents }) => progress.push(documents),
    });
    expect(again).toMatchObject({ documents: 40, unchanged: 20, inserted: 20, updated: 0 });
    expect(progress).toEqual([10, 20, 30, 40]);
    expect(await target.import(lines)).toMatchObject({ unchanged: 40 });
  });

  it.each<[string, (lines: string[]) => unknown, RegExp]>([
    ["another file", () => ['{"id":"a","content":"b"}\n'], /Line 1 of the export: expected the first line/],
    ["no JSON", () => ["id,content\n"], /Line 1 of the export: expected a JSON object/],
    ["an empty file", () => [], /not whole: it ends after 0 lines/],
    ["a later version", ([head = "", ...rest]) => [head.replace('"version":1', '"version":2'), ...rest], /version 1/],
    ["a lost line", (lines) => lines.toSpliced(1, 1), /was changed after it was made/],
    ["a changed line", (lines) => lines.map((line) => line.replace("red beret", "bad beret")), /was changed/],
    ["a line that is cut off", (lines) => lines.map((line, i) => (i === 2 ? line.slice(0, 20) : line)), /Line 3/],
    [
      "a broken vector",
      (lines) => lines.map((line) => line.replace('"embedding":"', '"embedding":"*')),
      /Line 2.*base64/,
    ],
    ["something after the end", (lines) => [...lines, "{}\n"], /nothing after the export's last line/],
    ["a path", () => "./products.jsonl", /`source` must be an iterable/],
  ])("refuses %s", async (_name, spoil, message) => {
    const source = await db.collection<Product>("to spoil", { embedder: hashEmbedder() });
    if ((await source.count()) === 0) {
      await source.addDocuments(["red beret", "blue beret"].map((content, i) => ({ id: `${i}`, content })));
    }
    const lines = await linesOf(source.export({ embeddings: true }));
    const target = await db.collection("spoiled", { embedder: hashEmbedder() });
    const importing = target.import(spoil(lines) as string[]);
    await expect(importing).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(message),
    });
    await expect(importing).rejects.not.toThrow(/beret/);
  });
});

describe("float16 storage", () => {
  it("is remembered, and searched like the other", async () => {
    const embedder = hashEmbedder();
    const half = await db.collection("half", { embedder, storage: "float16" });
    const whole = await db.collection("whole", { embedder });
    const documents = Array.from({ length: 60 }, (_, i) => ({ id: `${i}`, content: `number ${i} of many` }));
    await half.addDocuments(documents);
    await whole.addDocuments(documents);
    expect((await db.collection("half", { embedder })).info.storage).toBe("float16");
    expect(whole.info.storage).toBe("float32");
    await expect(db.collection("half", { embedder, storage: "float32" })).rejects.toMatchObject({
      code: "collection_mismatch",
    });
    await expect(db.collection("third", { embedder, storage: "int8" as never })).rejects.toThrow(
      /`storage` must be one of/,
    );
    for (const exact of [true, false]) {
      if (!exact) await half.createIndex();
      const [a, b] = [
        await half.semanticSearch("number 7", { exact }),
        await whole.semanticSearch("number 7", { exact }),
      ];
      expect(a.hits[0]?.id).toBe(b.hits[0]?.id);
      expect(a.hits[0]?.score).toBeCloseTo(b.hits[0]?.score ?? 0, 2);
    }
  });

  it("moves to another embedder with its index, exports, and says which number it cannot hold", async () => {
    const half = await db.collection("half moved", { embedder: hashEmbedder(), storage: "float16", distance: "l2" });
    await half.addDocuments(["one", "two", "three"]);
    await half.createIndex();
    await half.reembed(hashEmbedder({ id: "next", dimensions: 32 }));
    expect(half.info).toMatchObject({ storage: "float16", dimensions: 32 });
    expect((await half.semanticSearch("two")).hits[0]).toMatchObject({ content: "two" });
    const copy = await db.collection("half copied", { embedder: hashEmbedder({ id: "next", dimensions: 32 }) });
    await copy.import(half.export({ embeddings: true }));
    expect((await copy.semanticSearch("two")).hits[0]).toMatchObject({ content: "two" });
    const tooLarge = [{ content: "x", embedding: [70_000, ...Array(31).fill(0)] }];
    await expect(half.addDocuments(tooLarge)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/`documents\[0\]\.embedding` must hold numbers of at most 65504.*number 0/),
    });
  });

  it("indexes up to 4,000 dimensions", async () => {
    const embedder = (dimensions: number) => hashEmbedder({ id: `wide/${dimensions}`, dimensions });
    const wide = await db.collection("wide", { embedder: embedder(4000), storage: "float16" });
    await wide.addDocuments(["one", "two"]);
    await wide.createIndex();
    expect((await wide.semanticSearch("two")).hits[0]).toMatchObject({ content: "two" });
    const wider = await db.collection("wider", { embedder: embedder(4001), storage: "float16" });
    await expect(wider.createIndex()).rejects.toThrow(/at most 4000 dimensions of float16; the embedder has 4001/);
    const full = await db.collection("full", { embedder: embedder(2001) });
    await expect(full.createIndex()).rejects.toThrow(/at most 2000 dimensions of float32/);
  });
});
