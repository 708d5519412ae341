import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../src/collection.ts";
import type { RerankSearchOptions } from "../src/contracts/collection.ts";
import type { FirstStageWeight } from "../src/contracts/reranker.ts";
import type { Where } from "../src/contracts/where.ts";
import { PgVectorDBError } from "../src/errors.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { BaseReranker, type BaseRerankerOptions, type ScoreRequest } from "../src/rerankers/base-reranker.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { openTestDatabase } from "./test-database.ts";

type Product = {
  price: number;
  brand: string;
  tags?: string[];
  size?: { width: number; unit?: string | null };
  madeAt?: Date | string;
  inStock: boolean;
};

const PRODUCTS: { id: string; content: string; metadata: Product }[] = [
  {
    id: "sony",
    content: "WH-1000XM5 noise-cancelling headphones for $349",
    metadata: {
      price: 349,
      brand: "sony",
      tags: ["audio", "travel"],
      size: { width: 18 },
      madeAt: new Date("2024-05-01"),
      inStock: true,
    },
  },
  {
    id: "anker",
    content: "Budget headphones with noise cancelling",
    metadata: {
      price: 59.5,
      brand: "anker",
      tags: ["audio"],
      size: { width: 9, unit: "cm" },
      madeAt: new Date("2023-01-01"),
      inStock: true,
    },
  },
  {
    id: "knife",
    content: "Kitchen knife made of steel",
    metadata: { price: 20, brand: "zwilling", tags: [], size: { width: 100, unit: null }, inStock: false },
  },
  { id: "earbuds", content: "Wireless earbuds, small", metadata: { price: 100, brand: "anker", inStock: false } },
];

let close: () => Promise<void>;
let db: PgVectorDB;
let products: Collection<Product>;

beforeAll(async () => {
  ({ db, close } = await openTestDatabase());
  products = await db.collection<Product>("products", { embedder: hashEmbedder() });
  await products.addDocuments(PRODUCTS);
});

afterAll(() => close());

const idsOf = (result: { hits: readonly { id: string }[] }) => result.hits.map(({ id }) => id);

describe("where", () => {
  it.each<[Where<Product>, string[]]>([
    [{}, ["anker", "earbuds", "knife", "sony"]],
    [{ brand: "anker" }, ["anker", "earbuds"]],
    [{ price: 59.5 }, ["anker"]],
    [{ inStock: false }, ["earbuds", "knife"]],
    [{ price: { $gt: 59.5 } }, ["earbuds", "sony"]],
    [{ price: { $gte: 59.5 } }, ["anker", "earbuds", "sony"]],
    [{ price: { $lt: 100 } }, ["anker", "knife"]],
    [{ price: { $lte: 100, $gt: 20 } }, ["anker", "earbuds"]],
    [{ "size.width": { $gte: 18 } }, ["knife", "sony"]],
    [{ "size.width": { $in: [9, 100] } }, ["anker", "knife"]],
    [{ brand: { $in: ["sony", "nobody"] } }, ["sony"]],
    [{ brand: { $in: [] } }, []],
    [{ tags: "audio" }, ["anker", "sony"]],
    [{ tags: { $in: ["travel", "kitchen"] } }, ["sony"]],
    [{ "size.unit": null }, ["earbuds", "knife", "sony"]],
    [{ "size.unit": { $in: [null, "cm"] } }, ["anker", "earbuds", "knife", "sony"]],
    [{ madeAt: { $gt: new Date("2024-01-01") } }, ["sony"]],
    [{ madeAt: "2023-01-01T00:00:00.000Z" }, ["anker"]],
    [{ brand: { $gt: "anker", $lt: "t" } }, ["sony"]],
    [{ brand: "anker", inStock: true, price: { $lt: 60 } }, ["anker"]],
  ])("%j", async (where, expected) => {
    expect(await products.count(where)).toBe(expected.length);
    expect(idsOf(await products.semanticSearch("headphones", { where })).sort()).toEqual(expected);
    const hybrid = idsOf(await products.hybridSearch("headphones knife earbuds", { where }));
    expect(hybrid.sort()).toEqual(expected);
  });

  it("compares by type: a number is no string", async () => {
    const loose = products as unknown as Collection;
    expect(await loose.count({ price: "100" })).toBe(0);
    expect(await loose.count({ price: { $gt: "1" } })).toBe(0);
    expect(await loose.count({ brand: { $gt: 0 } })).toBe(0);
    expect(await loose.count({ inStock: { $in: [1, "true"] } })).toBe(0);
    expect(await loose.count({ "brand.length": 4 })).toBe(0);
  });

  it("agrees with JavaScript for hostile keys and values at every position", async () => {
    const collection = await db.collection("hostile metadata", { embedder: hashEmbedder({ dimensions: 4 }) });
    const hostile = [
      "'",
      '"',
      "\\",
      "$1",
      "a'; DROP TABLE x; --",
      "{}",
      "[0]",
      "NULL",
      "%",
      "😀",
      "\u202e",
      "__proto__",
      "a b",
      "0",
    ];
    const word = fc
      .oneof(fc.constantFrom(...hostile), fc.string({ minLength: 1, maxLength: 6 }))
      .filter((text) => !/[.\0]/.test(text) && text.isWellFormed() && !text.startsWith("$"));
    const value = fc.oneof(word, fc.integer({ min: -5, max: 5 }), fc.boolean());
    const documents = fc.sample(fc.dictionary(word, value, { maxKeys: 4 }), { numRuns: 150, seed: 7 });
    await collection.addDocuments(documents.map((metadata) => ({ content: "the same text", metadata })));
    await fc.assert(
      fc.asyncProperty(word, value, async (key, wanted) => {
        const matches = documents.filter((metadata) => Object.hasOwn(metadata, key) && metadata[key] === wanted).length;
        expect(await collection.count({ [key]: wanted })).toBe(matches);
        expect(await collection.count({ [key]: { $in: [wanted] } })).toBe(matches);
        if (typeof wanted === "number") {
          const least = documents.filter(
            (metadata) => Object.hasOwn(metadata, key) && typeof metadata[key] === "number" && metadata[key] >= wanted,
          ).length;
          expect(await collection.count({ [key]: { $gte: wanted } })).toBe(least);
        }
      }),
      {
        numRuns: 60,
        examples: hostile.filter((text) => !text.startsWith("$")).map((text) => [text, text] as [string, string]),
      },
    );
  });
});

describe("semanticSearch", () => {
  it.each(["cosine", "l2", "inner_product"] as const)("orders by %s, higher is better", async (distance) => {
    const points: [string, number[]][] = [
      ["near", [1, 0.1]],
      ["far", [-1, 0]],
      ["side", [0, 1]],
    ];
    const embedder = { ...hashEmbedder({ dimensions: 2 }), embedQuery: async () => [1, 0] };
    const collection = await db.collection(`distance ${distance}`, { embedder, distance });
    await collection.addDocuments(points.map(([id, embedding]) => ({ id, content: id, embedding })));
    const expected = {
      cosine: [1 / Math.hypot(1, 0.1), 0, -1],
      l2: [1 / 1.1, 1 / (1 + Math.SQRT2), 1 / 3],
      inner_product: [1, 0, -1],
    }[distance];
    for (const exact of [false, true]) {
      const { hits } = await collection.semanticSearch("x", { exact });
      expect(hits.map(({ id }) => id)).toEqual(["near", "side", "far"]);
      hits.forEach(({ score, stages }, position) => {
        expect(score).toBeCloseTo(expected[position] ?? Number.NaN, 5);
        expect(stages).toEqual({ semantic: { score, rank: position + 1 } });
      });
    }
  });

  it("finds nothing by a query without direction, and passes over documents without one", async () => {
    const collection = await db.collection("zero", { embedder: hashEmbedder() });
    await collection.addDocuments([
      { id: "word", content: "word" },
      { id: "marks", content: "?!" },
    ]);
    expect(idsOf(await collection.semanticSearch("word"))).toEqual(["word"]);
    expect((await collection.semanticSearch("?!")).hits).toEqual([]);
  });
});

describe("keywordSearch", () => {
  it("matches any term, parses the query as Postgres does, and scores above 0", async () => {
    const { hits, candidates } = await products.keywordSearch("noise-cancelling $349 unheard-of");
    expect(hits.map(({ id }) => id)).toEqual(["sony", "anker"]);
    expect(hits.every(({ score, stages }) => score > 0 && stages.keyword?.score === score)).toBe(true);
    expect(candidates).toEqual({ requested: 10, returned: 2 });
  });

  it("matches the same documents with and without a filter", async () => {
    expect(idsOf(await products.keywordSearch("steel headphones", { where: { price: { $lt: 1000 } } }))).toEqual(
      idsOf(await products.keywordSearch("steel headphones")),
    );
  });

  it.each(["the of and", "???", "'", "a & | ! b:*", "\\"])("takes the query %j", async (query) => {
    expect(Array.isArray((await products.keywordSearch(query)).hits)).toBe(true);
  });

  it("finds nothing by a query without terms", async () => {
    expect((await products.keywordSearch("the of and")).hits).toEqual([]);
    expect((await products.keywordSearch("???")).hits).toEqual([]);
  });

  it("finds what was changed after the index was made, and nothing that is gone", async () => {
    const collection = await db.collection("fresh keywords", { embedder: hashEmbedder() });
    expect((await collection.keywordSearch("anything")).hits).toEqual([]);
    await collection.addDocuments([
      { id: "a", content: "alpha word" },
      { id: "b", content: "beta word" },
    ]);
    await collection.addDocuments([{ id: "a", content: "gamma word" }]);
    await collection.delete("b");
    expect(idsOf(await collection.keywordSearch("alpha beta"))).toEqual([]);
    expect(idsOf(await collection.keywordSearch("gamma word"))).toEqual(["a"]);
  });
});

describe("hybridSearch", () => {
  it("fuses both arms as the formula says, and keeps every stage's score", async () => {
    const options = { weights: { semantic: 2, keyword: 0.5 }, rankConstant: 10 };
    const { hits } = await products.hybridSearch("noise cancelling headphones", options);
    const semantic = idsOf(await products.semanticSearch("noise cancelling headphones"));
    const keyword = idsOf(await products.keywordSearch("noise cancelling headphones"));
    const share = (weight: number, rank: number) => (rank === 0 ? 0 : weight / (10 + rank));
    const expected = PRODUCTS.map(({ id }) => {
      const ranks = { semantic: semantic.indexOf(id) + 1, keyword: keyword.indexOf(id) + 1 };
      return { id, score: share(2, ranks.semantic) + share(0.5, ranks.keyword) };
    }).sort((a, b) => b.score - a.score);
    expect(hits.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    hits.forEach(({ score, stages }, position) => {
      expect(score).toBeCloseTo(expected[position]?.score ?? Number.NaN, 12);
      expect(stages.hybrid).toEqual({ score, rank: position + 1 });
      expect(stages.semantic?.rank).toBe(semantic.indexOf(hits[position]?.id ?? "") + 1);
    });
  });

  it("takes the best k of both arms", async () => {
    const { hits, candidates } = await products.hybridSearch("headphones", { k: 2 });
    expect(hits).toHaveLength(2);
    expect(candidates).toEqual({ requested: 2, returned: 2 });
  });
});

class Recording extends BaseReranker {
  readonly name = "recording";
  readonly requests: ScoreRequest[] = [];
  #during: () => Promise<unknown>;
  constructor(during: () => Promise<unknown> = async () => {}) {
    super();
    this.#during = during;
  }
  protected override async score(request: ScoreRequest) {
    this.requests.push(request);
    await this.#during();
    return {
      scores: request.texts.map((text) => -text.length),
      usage: { tokens: 99 },
      truncated: [{ index: 1, documentTokens: 3, queryTokens: 0 }],
      spans: [{ index: 1, start: 2, end: 5, windows: 3 }],
    };
  }
}

describe("rerankSearch", () => {
  it.each<RerankSearchOptions<Product>>([
    {},
    { method: "hybrid", weights: { keyword: 2 } },
    { method: "semantic", exact: true },
    { method: "keyword" },
  ])("reranks the candidates of %j", async (options) => {
    const reranker = new Recording();
    const result = await products.rerankSearch("headphones knife earbuds", { ...options, reranker, rerankTopK: 2 });
    expect(idsOf(result)).toEqual(["earbuds", "knife"]);
    expect(result).toMatchObject({
      reranked: true,
      backend: "recording",
      usage: { documents: 4, tokens: 99 },
      candidates: { requested: 100, returned: 4 },
    });
    expect(result.hits[1]).toMatchObject({
      stages: { rerank: { rank: 2, rawScore: -27 } },
      metadata: { brand: "zwilling" },
    });
    expect(result.hits.every(({ score, stages }) => score === stages.rerank?.score)).toBe(true);
    const stage = options.method ?? "hybrid";
    expect(result.hits.every(({ stages }) => (stages[stage]?.rank ?? 0) > 0)).toBe(true);
    expect(result.truncated).toMatchObject([{ index: 1, id: expect.any(String), documentTokens: 3 }]);
    expect(result.spans).toEqual([{ index: 1, id: result.truncated[0]?.id, start: 2, end: 5, windows: 3 }]);
    expect(result.timings.totalMs).toBeGreaterThan(0);
  });

  it("pages after reranking, over the same candidates", async () => {
    const reranker = new Recording();
    const page = async (offset: number) =>
      idsOf(await products.rerankSearch("headphones", { reranker, rerankTopK: 2, offset }));
    expect([...(await page(0)), ...(await page(2)), ...(await page(4))]).toEqual(["earbuds", "knife", "anker", "sony"]);
    expect(reranker.requests.every(({ texts }) => texts.length === 4)).toBe(true);
    const rest = { reranker, rerankTopK: Number.MAX_SAFE_INTEGER, offset: 1 };
    expect(idsOf(await products.rerankSearch("headphones", rest))).toEqual(["knife", "anker", "sony"]);
  });

  it("keeps the first stage's order, scores and pages where the reranker's failure policy says so", async () => {
    class Unreachable extends BaseReranker {
      readonly name = "unreachable";
      protected override score(): Promise<never> {
        return Promise.reject(new PgVectorDBError("network", "The service cannot be reached."));
      }
    }
    const first = await products.hybridSearch("headphones", { k: 100 });
    const options = { reranker: new Unreachable({ onError: "passthrough" }), rerankTopK: 2, threshold: 0.9 } as const;
    const result = await products.rerankSearch("headphones", { ...options, offset: 1 });
    expect(result).toMatchObject({
      reranked: false,
      backend: "unreachable",
      reason: expect.stringContaining("reached"),
    });
    expect(result.hits).toEqual(first.hits.slice(1, 3));
    const thrown = products.rerankSearch("headphones", { ...options, reranker: new Unreachable() });
    await expect(thrown).rejects.toMatchObject({ code: "network" });
  });

  describe("with what the first stage's order counts", () => {
    /** All alike, but for one that is three times as likely: what counts then is the order of the first stage. */
    class Alike extends BaseReranker {
      readonly name = "alike";
      override readonly firstStageWeight: FirstStageWeight | undefined;
      constructor(weight?: FirstStageWeight, options?: BaseRerankerOptions) {
        super(options);
        this.firstStageWeight = weight;
      }
      protected override async score({ texts }: ScoreRequest) {
        return texts.map((text) => (text.includes("knife") ? Math.log(3) : 0));
      }
    }
    const options = { method: "semantic", exact: true } as const;
    const query = "headphones";

    it("divides the odds of the k-th candidate by k to the power of the weight", async () => {
      const first = await products.semanticSearch(query, { exact: true });
      const place = idsOf(first).indexOf("knife") + 1;
      expect(place).toBeGreaterThan(2);
      const { hits } = await products.rerankSearch(query, { ...options, reranker: new Alike(1) });
      expect(hits.map(({ id }) => id)).not.toEqual(idsOf(first));
      for (const [index, { id, score, stages }] of hits.entries()) {
        const odds = (id === "knife" ? 3 : 1) / (stages.semantic?.rank ?? 0);
        expect(score).toBeCloseTo(odds / (1 + odds), 12);
        expect(stages.combined).toEqual({ score, rank: index + 1 });
        expect(stages.rerank?.score).toBeCloseTo(id === "knife" ? 0.75 : 0.5, 12);
      }
      expect(hits.find(({ id }) => id === "knife")?.stages.rerank?.rank).toBe(1);
    });

    it("counts as the search says before it counts as the reranker says", async () => {
      const alone = await products.rerankSearch(query, { ...options, reranker: new Alike() });
      const none = await products.rerankSearch(query, { ...options, reranker: new Alike(5), firstStageWeight: 0 });
      expect(none.hits).toEqual(alone.hits);
      expect(alone.hits[0]).toMatchObject({ id: "knife", score: alone.hits[0]?.stages.rerank?.score });
      expect(alone.hits[0]?.stages.combined).toBeUndefined();
      const heavy = await products.rerankSearch(query, { ...options, reranker: new Alike(), firstStageWeight: 10 });
      expect(idsOf(heavy)).toEqual(idsOf(await products.semanticSearch(query, { exact: true })));
      const steps = products.query(query).semantic().exact();
      expect((await steps.rerank(new Alike(), { firstStageWeight: 10 }).run()).hits).toEqual(heavy.hits);
    });

    it("counts by what the first stage is taken for, where the reranker says so", async () => {
      const weighed = async (
        method: "semantic" | "keyword" | "hybrid",
        strength: "modest" | "strong",
        other: object,
      ) => {
        const both = { modest: 0, strong: 0, [strength]: 1 };
        const search = { method, ...other, reranker: new Alike(both) };
        const { firstStageWeight, hits } = await products.rerankSearch(query, search);
        const one = await products.rerankSearch(query, { ...search, reranker: new Alike(firstStageWeight) });
        expect(hits).toEqual(one.hits);
        return firstStageWeight;
      };
      // The collection's embedder does not say that it counts less than keywords.
      expect(await weighed("semantic", "strong", {})).toBe(1);
      expect(await weighed("semantic", "modest", {})).toBe(0);
      expect(await weighed("hybrid", "strong", {})).toBe(1);
      expect(await weighed("hybrid", "modest", { weights: { semantic: 0 } })).toBe(1);
      expect(await weighed("keyword", "modest", {})).toBe(1);
      const said = { ...options, reranker: new Alike({ modest: 1, strong: 1 }), firstStageWeight: 0.5 };
      expect((await products.rerankSearch(query, said)).firstStageWeight).toBe(0.5);
    });

    it("lifts what the reranker alone would not have returned, and pages over that order", async () => {
      const page = async (offset: number) =>
        idsOf(await products.rerankSearch(query, { ...options, reranker: new Alike(10), rerankTopK: 1, offset }));
      const first = idsOf(await products.semanticSearch(query, { exact: true }));
      expect([...(await page(0)), ...(await page(1)), ...(await page(2)), ...(await page(3))]).toEqual(first);
    });

    it("leaves the threshold to the rerank score", async () => {
      const search = { ...options, reranker: new Alike(10), threshold: 0.6 };
      expect(idsOf(await products.rerankSearch(query, search))).toEqual(["knife"]);
    });

    it("counts as the reranker says that stood in, and not where nothing reranked", async () => {
      class Failing extends Alike {
        protected override score(): Promise<never> {
          return Promise.reject(new PgVectorDBError("network", "The service cannot be reached."));
        }
      }
      const search = (reranker: BaseReranker) => products.rerankSearch(query, { ...options, reranker });
      const alone = await search(new Alike());
      expect((await search(new Failing(10, { onError: { fallback: new Alike() } }))).hits).toEqual(alone.hits);
      const weighed = await search(new Failing(1, { onError: { fallback: new Alike(10) } }));
      expect(weighed.hits).toEqual((await search(new Alike(10))).hits);
      const passed = await search(new Failing(10, { onError: "passthrough" }));
      expect(passed.firstStageWeight).toBe(0);
      expect(passed.hits).toEqual((await products.semanticSearch(query, { exact: true })).hits);
    });

    it.each([-1, 11, Number.NaN, "1"])("refuses a weight of %j", async (firstStageWeight) => {
      const search = { reranker: new Alike(), firstStageWeight: firstStageWeight as number };
      await expect(products.rerankSearch(query, search)).rejects.toMatchObject({
        code: "invalid_argument",
        message: expect.stringContaining("`firstStageWeight`"),
      });
    });
  });

  it("leaves out what is below the threshold", async () => {
    const reranker = (_query: string, texts: readonly string[]) =>
      texts.map((text) => (text.includes("knife") ? 5 : -5));
    expect(idsOf(await products.rerankSearch("steel", { reranker, threshold: 0.5 }))).toEqual(["knife"]);
  });

  it("leaves the database free while the model runs", async () => {
    const reranker = new Recording(() => products.addDocuments([{ id: "knife", content: PRODUCTS[2]?.content ?? "" }]));
    expect((await products.rerankSearch("headphones", { reranker })).reranked).toBe(true);
  });

  it("is aborted while the model runs", async () => {
    const controller = new AbortController();
    const reranker = new Recording(() => new Promise(() => controller.abort()));
    await expect(products.rerankSearch("x", { reranker, signal: controller.signal })).rejects.toMatchObject({
      code: "aborted",
    });
  });

  it("gives an empty result when nothing matches, without asking the model", async () => {
    const reranker = new Recording();
    const result = await products.rerankSearch("zebra", { method: "keyword", reranker });
    expect(result).toMatchObject({ hits: [], candidates: { requested: 100, returned: 0 } });
    expect(reranker.requests).toEqual([]);
  });
});
