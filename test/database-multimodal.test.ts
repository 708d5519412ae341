import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../src/collection.ts";
import type { SearchHit } from "../src/contracts/collection.ts";
import type { Space } from "../src/contracts/space.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { isServer, openTestDatabase, runOnServer } from "./test-database.ts";

let db: PgVectorDB;
let url: string;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ db, url, close } = await openTestDatabase());
});

afterAll(() => close());

const DAY = 86_400_000;
const NOW = new Date("2026-11-01T00:00:00Z");

interface Product {
  title?: string | number;
  price?: number | string | null;
  rating?: number;
  brand?: string | string[] | number;
  releasedAt?: Date | string;
}

const SPACES = {
  title: { kind: "text", field: "title", embedder: hashEmbedder({ id: "test/titles", dimensions: 32 }) },
  body: { kind: "text" },
  cheap: { kind: "number", field: "price", min: 0, max: 200, prefer: "lower" },
  rated: { kind: "number", field: "rating", min: 1, max: 5, prefer: "higher" },
  near: { kind: "number", field: "price", min: 0, max: 100, prefer: "nearest" },
  brand: { kind: "category", field: "brand" },
  fresh: { kind: "recency", field: "releasedAt", decayDays: 30 },
} satisfies Record<string, Space>;

const WORDS = ["wireless", "headphones", "noise", "cancelling", "kitchen", "knife", "steel", "small"];
const words = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 5 }).map((list) => list.join(" "));
const product = fc.record(
  {
    title: fc.oneof(words, fc.constantFrom("", "  ", 7)),
    price: fc.oneof(fc.integer({ min: -50, max: 300 }), fc.constantFrom(1e300, "9", null)),
    rating: fc.double({ min: 0, max: 6, noNaN: true }),
    brand: fc.oneof(
      fc.constantFrom("sony", "anker", "it's"),
      fc.array(fc.constantFrom("sony", "x"), { maxLength: 2 }),
      fc.constant(7),
    ),
    releasedAt: fc.oneof(
      fc.integer({ min: -40, max: 30_000 }).map((days) => new Date(NOW.getTime() - days * DAY)),
      fc.constantFrom("2026-10-01", "soon"),
    ),
  },
  { requiredKeys: [] },
);
const documents = fc
  .sample(fc.tuple(words, product), { numRuns: 300, seed: 11 })
  .map(([content, metadata], index) => ({ id: `${index}`.padStart(3, "0"), content, metadata: metadata as Product }));

async function cosine(embedder: ReturnType<typeof hashEmbedder>, a: unknown, b: string): Promise<number> {
  if (typeof a !== "string" || a.trim() === "") return 0;
  const [x, y] = [await embedder.embedQuery(a), await embedder.embedQuery(b)];
  const dot = x.reduce((sum, value, index) => sum + value * (y[index] ?? 0), 0);
  const length = Math.hypot(...x) * Math.hypot(...y);
  return length === 0 ? 0 : Math.min(1, Math.max(0, dot / length));
}

const clamp = (value: number) => Math.min(1, Math.max(0, value));
const ageOf = ({ releasedAt }: Product) =>
  releasedAt === undefined || releasedAt === "soon" ? Number.NaN : Math.max(0, +NOW - +new Date(releasedAt)) / DAY;

/** Every space's score, said once more and without SQL. `keyword` is not among them. */
async function scoresOf({ content, metadata }: (typeof documents)[number], query: string) {
  const price = typeof metadata.price === "number" ? metadata.price : undefined;
  const brands = Array.isArray(metadata.brand) ? metadata.brand : [metadata.brand];
  const age = ageOf(metadata);
  return {
    semantic: await cosine(hashEmbedder(), content, query),
    title: await cosine(SPACES.title.embedder, metadata.title, "wireless noise"),
    body: await cosine(hashEmbedder(), content, "steel"),
    cheap: price === undefined ? 0 : clamp(1 - price / 200),
    rated: metadata.rating === undefined ? 0 : clamp((metadata.rating - 1) / 4),
    near: price === undefined ? 0 : clamp(1 - Math.abs(price - 59.5) / 100),
    brand: brands.some((brand) => brand === "it's" || brand === "x") ? 1 : 0,
    fresh: Number.isNaN(age) ? 0 : Math.exp(-age / 30),
  };
}

const QUERY = {
  title: { value: "wireless noise", weight: 1 },
  body: { value: "steel", weight: 0.5 },
  cheap: { weight: 0.7 },
  rated: {},
  near: { value: 59.5, weight: 0.25 },
  brand: { value: ["it's", "x"], weight: 0.3 },
  fresh: { value: NOW, weight: 0.6 },
} as const;

describe("multimodalSearch", () => {
  let products: Collection<Product>;

  beforeAll(async () => {
    products = await db.collection<Product>("products", { embedder: hashEmbedder(), spaces: SPACES });
    await products.addDocuments(documents, { batchSize: 64 });
    // A server may do so at any time, and weighs terms by what it finds.
    if (isServer) await runOnServer(url, "ANALYZE");
  });

  const weightOf = (name: string) => (QUERY[name as keyof typeof QUERY] as { weight?: number })?.weight ?? 1;

  async function expectScores(hits: readonly SearchHit<Product>[], query: string) {
    for (const { id, score, stages } of hits) {
      const document = documents[Number(id)] as (typeof documents)[number];
      const expected = await scoresOf(document, query);
      const spaces = stages.spaces ?? {};
      let [sum, total] = [0, 0];
      for (const [name, stage] of Object.entries(spaces)) {
        if (name !== "keyword")
          expect([id, name, stage.score]).toEqual([
            id,
            name,
            expect.closeTo(expected[name as keyof typeof expected], 5),
          ]);
        expect(stage.score).toBeGreaterThanOrEqual(0);
        expect(stage.score).toBeLessThanOrEqual(1);
        sum += weightOf(name) * stage.score;
        total += weightOf(name);
      }
      expect(score).toBeCloseTo(sum / total, 9);
      expect(stages.multimodal?.score).toBe(score);
    }
  }

  it("gives every space's score on 0..1, and their weighted mean, over all documents", async () => {
    const { hits } = await products.multimodalSearch("noise knife", { spaces: QUERY, k: 300 });
    expect(hits).toHaveLength(300);
    expect(Object.keys(hits[0]?.stages.spaces ?? {}).sort()).toEqual(
      ["keyword", "semantic", ...Object.keys(QUERY)].sort(),
    );
    await expectScores(hits, "noise knife");
    const inOrder = hits.map(({ score }) => score);
    expect(inOrder).toEqual([...inOrder].sort((a, b) => b - a));
    for (const name of Object.keys(hits[0]?.stages.spaces ?? {})) {
      const stages = hits.map(({ stages }) => stages.spaces?.[name] ?? { score: -1, rank: -1 });
      for (const { score, rank } of stages) {
        expect(rank).toBe(1 + stages.filter((other) => other.score > score).length);
      }
    }
    const keywords = new Map(
      (await products.keywordSearch("noise knife", { k: 300 })).hits.map((hit) => [hit.id, hit.score]),
    );
    const best = Math.max(...keywords.values());
    for (const { id, stages } of hits) {
      expect(stages.spaces?.["keyword"]?.score).toBeCloseTo((keywords.get(id) ?? 0) / best, 6);
    }
  });

  it("takes the union of the best of every space, and orders it exactly", async () => {
    const k = 7;
    const weights = { semantic: 1, keyword: 0 };
    const { hits, candidates } = await products.multimodalSearch("noise knife", { spaces: QUERY, weights, k });
    expect(candidates).toEqual({ requested: k, returned: k });
    await expectScores(hits, "noise knife");
    const scored = await Promise.all(
      documents.map(async (document) => ({ id: document.id, scores: await scoresOf(document, "noise knife") })),
    );
    const names = ["semantic", ...Object.keys(QUERY)] as (keyof (typeof scored)[number]["scores"])[];
    // What is certainly among the best k of a space; of several equal ones at its end some are, and which is not told.
    const certain = new Set<string>();
    const possible = new Set<string>();
    for (const name of names) {
      const order = scored.map(({ scores }) => scores[name]).sort((a, b) => b - a);
      const last = order[k - 1] ?? 0;
      for (const { id, scores } of scored) {
        if (scores[name] > last + 1e-6) certain.add(id);
        if (scores[name] >= last - 1e-6) possible.add(id);
      }
    }
    const total = names.reduce((sum, name) => sum + weightOf(name), 0);
    const meanOf = ({ scores }: (typeof scored)[number]) =>
      names.reduce((sum, name) => sum + weightOf(name) * scores[name], 0) / total;
    const lowest = hits.at(-1)?.score ?? 0;
    for (const entry of scored) {
      if (certain.has(entry.id) && meanOf(entry) > lowest + 1e-5) expect(hits.map(({ id }) => id)).toContain(entry.id);
    }
    for (const { id } of hits) expect(possible.has(id)).toBe(true);
  });

  it("filters every space alike", async () => {
    const where = { rating: { $gte: 4 } };
    const count = await products.count(where);
    const { hits } = await products.multimodalSearch("noise", { spaces: QUERY, where, k: 300 });
    expect(count).toBeGreaterThan(5);
    expect(hits).toHaveLength(count);
    expect(hits.every(({ metadata }) => (metadata.rating ?? 0) >= 4)).toBe(true);
  });

  it("asks one space alone, and leaves out what has no weight", async () => {
    const weights = { semantic: 0, keyword: 0 };
    const { hits } = await products.multimodalSearch("x", {
      spaces: { cheap: {}, rated: { weight: 0 } },
      weights,
      k: 3,
    });
    expect(hits.every(({ stages }) => Object.keys(stages.spaces ?? {}).join() === "cheap")).toBe(true);
    expect(hits.map(({ score }) => score)).toEqual([1, 1, 1]);
    const nothing = products.multimodalSearch("x", { weights, spaces: { cheap: { weight: 0 } } });
    await expect(nothing).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("is a first stage of a rerank and of a query", async () => {
    const reranker = (_query: string, texts: readonly string[]) => texts.map((text) => -text.length);
    const options = { method: "multimodal", spaces: QUERY, k: 20, reranker, rerankTopK: 3 } as const;
    const { hits } = await products.rerankSearch("noise", options);
    expect(hits[0]?.stages).toMatchObject({ rerank: { rank: 1 }, spaces: { cheap: { score: expect.any(Number) } } });
    const query = products.query("noise").multimodal({ spaces: QUERY }).candidates(20).rerank(reranker, { topK: 3 });
    expect((await query.run()).hits).toEqual(hits);
  });

  it("ages documents when it is asked, not when they were written", async () => {
    const search = async (value?: Date) => {
      const spaces = { fresh: value === undefined ? {} : { value } };
      const { hits } = await products.multimodalSearch("x", { spaces, weights: { semantic: 0, keyword: 0 }, k: 300 });
      return hits;
    };
    const [at, later] = [await search(NOW), await search(new Date(NOW.getTime() + 30 * DAY))];
    for (const { id, score } of later) {
      const before = at.find((hit) => hit.id === id)?.score ?? 0;
      const age = ageOf(documents[Number(id)]?.metadata ?? {});
      if (age > 0 && age < 5000) expect(score).toBeCloseTo(before / Math.E, 9);
    }
    expect((await search()).every(({ score }) => score >= 0 && score <= 1)).toBe(true);
  });

  it.each<[string, object, RegExp]>([
    ["an unknown space", { spaces: { colour: {} } }, /does not have\. It has: body, brand, cheap/],
    ["a value of another type", { spaces: { near: { value: "9" } } }, /`spaces.near.value` must be the number/],
    ["a value where none is taken", { spaces: { cheap: { value: 9 } } }, /takes no `value`/],
    ["no category", { spaces: { brand: {} } }, /`spaces.brand.value` must be a string/],
    ["no date", { spaces: { fresh: { value: "soon" } } }, /`spaces.fresh.value` must be a Date/],
    ["a blank text", { spaces: { title: { value: " " } } }, /`spaces.title.value` must not be blank/],
    ["a negative weight", { spaces: { cheap: { weight: -1 } } }, /`spaces.cheap.weight`/],
    ["an unknown option", { spaces: { cheap: { wait: 1 } } }, /Unknown option `wait`/],
    ["an array", { spaces: [] }, /`spaces` must be an object/],
  ])("refuses %s", async (_name, options, message) => {
    await expect(products.multimodalSearch("x", options)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(message),
    });
  });
});

describe("declared spaces", () => {
  it("are remembered, and refused when they are others", async () => {
    const embedder = hashEmbedder();
    const own = hashEmbedder({ id: "test/other", dimensions: 8 });
    const number = { kind: "number", field: "price", min: 0, max: 9, prefer: "lower" } as const;
    await db.collection("remembered", { embedder, spaces: { price: number, body: { kind: "text" } } });
    const again = await db.collection("remembered", { embedder });
    expect((await again.multimodalSearch("x", { spaces: { price: {}, body: {} } })).hits).toEqual([]);
    await db.collection("remembered", { embedder, spaces: { body: { kind: "text" }, price: { ...number } } });
    for (const spaces of [{}, { price: number }, { price: { ...number, max: 10 }, body: { kind: "text" as const } }]) {
      await expect(db.collection("remembered", { embedder, spaces })).rejects.toMatchObject({
        code: "collection_mismatch",
        message: expect.stringContaining('"body" (text), "price" (number)'),
      });
    }
    await db.collection("own", { embedder, spaces: { title: { kind: "text", field: "t", embedder: own } } });
    await expect(db.collection("own", { embedder })).rejects.toMatchObject({
      code: "collection_mismatch",
      message: expect.stringContaining("test/other"),
    });
  });

  it("keep their vectors when the collection moves to another embedder", async () => {
    const [old, next] = [hashEmbedder({ id: "old" }), hashEmbedder({ id: "next", dimensions: 16 })];
    const spaces = { body: { kind: "text", embedder: old } } as const;
    const collection = await db.collection("moving", { embedder: old, spaces });
    await collection.addDocuments([{ id: "a", content: "alpha" }]);
    await collection.reembed(next);
    const search = (from: Collection) => from.multimodalSearch("alpha", { spaces: { body: {} } });
    expect((await search(collection)).hits[0]?.score).toBeCloseTo(1, 5);
    await collection.addDocuments([{ id: "b", content: "beta" }]);
    const again = await db.collection("moving", { embedder: next, spaces });
    expect((await search(again)).hits[0]).toMatchObject({ id: "a" });
  });

  it.each<[string, unknown, RegExp]>([
    ["an array", [], /`spaces` must be an object/],
    ["an unknown kind", { a: { kind: "vector" } }, /`spaces.a.kind` must be one of: text, number, category, recency/],
    ["a reserved name", { semantic: { kind: "text" } }, /the collection's own/],
    ["an unknown option", { a: { kind: "text", filed: "x" } }, /Unknown option `filed`/],
    ["no field", { a: { kind: "category" } }, /`spaces.a.field` must name a metadata field/],
    ["an empty range", { a: { kind: "number", field: "x", min: 1, max: 1, prefer: "lower" } }, /`spaces.a.min`/],
    ["no preference", { a: { kind: "number", field: "x", min: 1, max: 2 } }, /`spaces.a.prefer`/],
    ["no decay", { a: { kind: "recency", field: "x", decayDays: 0 } }, /`spaces.a.decayDays`/],
    ["no embedder", { a: { kind: "text", embedder: {} } }, /`embedder.id`/],
    ["too many", Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`s${n}`, { kind: "text" }])), /at most 16/],
  ])("refuses %s", async (_name, spaces, message) => {
    await expect(db.collection("refused", { embedder: hashEmbedder(), spaces: spaces as never })).rejects.toMatchObject(
      {
        code: "invalid_argument",
        message: expect.stringMatching(message),
      },
    );
  });
});
