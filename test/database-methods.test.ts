import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../src/collection.ts";
import type { Fusion } from "../src/contracts/collection.ts";
import { fromFunction } from "../src/embedders/function-embedder.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { isServer, openTestDatabase } from "./test-database.ts";

let db: PgVectorDB;
let close: () => Promise<void>;
let notes: Collection<{ n: number }>;

const NOTES = [
  { id: "lease", content: "The lease of the flat ends in March.", metadata: { n: 1 } },
  { id: "flat", content: "A flat tyre. The lease is something else, and it ends later.", metadata: { n: 2 } },
  { id: "noise", content: "Noise-cancelling headphones, wireless, for travelling", metadata: { n: 3 } },
  { id: "passport", content: "Renew the passport before the summer travel", metadata: { n: 4 } },
];

beforeAll(async () => {
  ({ db, close } = await openTestDatabase());
  notes = await db.collection<{ n: number }>("notes", { embedder: hashEmbedder() });
  await notes.addDocuments(NOTES);
});

afterAll(() => close());

const idsOf = (result: { hits: readonly { id: string }[] }) => result.hits.map(({ id }) => id);

describe("keywordSearch for a phrase", () => {
  it("finds the words side by side only, stemmed, whatever the case", async () => {
    expect(idsOf(await notes.keywordSearch("lease flat")).sort()).toEqual(["flat", "lease"]);
    expect(idsOf(await notes.keywordSearch("The LEASES of the flats", { match: "phrase" }))).toEqual(["lease"]);
    expect(idsOf(await notes.keywordSearch("flat lease", { match: "phrase" }))).toEqual([]);
    expect(idsOf(await notes.keywordSearch("noise-cancelling headphone", { match: "phrase" }))).toEqual(["noise"]);
    expect(idsOf(await notes.keywordSearch("the of", { match: "phrase" }))).toEqual([]);
  });

  it("is one more condition beside a filter, and an arm of a hybrid search", async () => {
    const where = { n: { $lt: 2 } };
    expect(idsOf(await notes.keywordSearch("lease", { match: "phrase", where }))).toEqual(["lease"]);
    const { hits } = await notes.hybridSearch("flat tyre", { match: "phrase" });
    expect(hits.filter(({ stages }) => stages.keyword !== undefined).map(({ id }) => id)).toEqual(["flat"]);
  });

  it("reads a text that is longer than full-text search takes", async () => {
    const collection = await db.collection("long", { embedder: hashEmbedder() });
    const words = Array.from({ length: 40_000 }, (_, index) => `word${index}`);
    const middle = 30_000;
    words[middle] = "needle";
    words[middle + 1] = "haystack";
    await collection.addDocuments([
      { id: "long", content: words.join(" "), embedding: unit(64) },
      { id: "short", content: "needle in a haystack", embedding: unit(64) },
    ]);
    const search = async (query: string) => idsOf(await collection.keywordSearch(query, { match: "phrase" }));
    expect(await search("needle haystack")).toEqual(["long"]);
    expect(await search("word7 word8")).toEqual(["long"]);
  });

  it("refuses another kind of match", async () => {
    const wrong = notes.keywordSearch("lease", { match: "all" as never });
    await expect(wrong).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("`match`"),
    });
  });
});

describe("fuzzySearch", () => {
  it("finds words in spite of typing errors, best first, on 0..1", async () => {
    const { hits, candidates } = await notes.fuzzySearch("headphnes");
    expect(hits.map(({ id }) => id)).toEqual(["noise"]);
    expect(hits[0]?.stages).toEqual({ trigram: { score: hits[0]?.score, rank: 1 } });
    expect(hits[0]?.score).toBeGreaterThan(0.5);
    expect(hits[0]?.score).toBeLessThan(1);
    expect(candidates).toEqual({ requested: 10, returned: 1 });
    expect((await notes.fuzzySearch("pasport")).hits[0]?.id).toBe("passport");
    expect((await notes.fuzzySearch("headphones")).hits[0]?.score).toBe(1);
  });

  it("keeps its threshold, its filter and its k", async () => {
    expect(idsOf(await notes.fuzzySearch("headphnes", { minSimilarity: 0.9 }))).toEqual([]);
    expect(idsOf(await notes.fuzzySearch("travel", { where: { n: 3 } }))).toEqual(["noise"]);
    expect(idsOf(await notes.fuzzySearch("travel", { minSimilarity: 0.05, k: 1 }))).toEqual(["passport"]);
    expect(idsOf(await notes.fuzzySearch("???"))).toEqual([]);
    await expect(notes.fuzzySearch("x", { minSimilarity: 0 })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("goes below what is very much alike only when that is less than what was asked for, and finds the same", async () => {
    const collection = await db.collection("alike", { embedder: hashEmbedder() });
    const texts = ["headphones", "headphone", "headphonse", "head phone", "telephone", "headline"];
    await collection.addDocuments(texts.map((content, i) => ({ id: `${i}`, content })));
    const all = await collection.fuzzySearch("headphones", { k: 100 });
    expect(all.hits.length).toBeGreaterThan(3);
    for (let k = 1; k <= all.hits.length + 1; k++) {
      const { hits } = await collection.fuzzySearch("headphones", { k });
      expect(hits).toEqual(all.hits.slice(0, k));
      const { statements } = await collection.explain("headphones", { method: "trigram", k });
      const isEnough = all.hits.filter(({ score }) => score >= 0.6).length >= k;
      expect(statements).toHaveLength(isEnough ? 1 : 2);
    }
    const { statements } = await collection.explain("headphones", { method: "trigram", k: 100, minSimilarity: 0.7 });
    expect(statements).toHaveLength(1);
  });

  it("is a first stage of a rerank like any other", async () => {
    const reranker = (_query: string, texts: readonly string[]) => texts.map((text) => -text.length);
    const { hits } = await notes.rerankSearch("pasport", { method: "trigram", minSimilarity: 0.2, reranker });
    expect(hits[0]).toMatchObject({ id: "passport", stages: { trigram: { rank: 1 }, rerank: { rank: 1 } } });
  });
});

describe("an embedder's own weight", () => {
  it("counts in a hybrid search that gives none, and in the order that a reranker gets", async () => {
    const embedder = { ...hashEmbedder(), hybridWeight: 0.2 };
    const collection = await db.collection("modest", { embedder });
    await collection.addDocuments(NOTES);
    const query = "lease of a flat in March";
    const own = await collection.hybridSearch(query);
    const said = await collection.hybridSearch(query, { weights: { semantic: 0.2 } });
    expect(own.hits).toEqual(said.hits);
    const even = await collection.hybridSearch(query, { weights: { semantic: 1 } });
    expect(even.hits).not.toEqual(own.hits);
    const reranker = (_query: string, texts: readonly string[]) => texts.map(() => 0);
    const ordered = await collection.rerankSearch(query, { reranker, firstStageWeight: 1, rerankTopK: 10 });
    expect(ordered.hits.map(({ stages }) => stages.hybrid)).toEqual(own.hits.map(({ stages }) => stages.hybrid));
  });

  it("is 0.95 where the embedder does not say", async () => {
    const query = "lease of a flat in March";
    const { hits } = await notes.hybridSearch(query, { weights: { semantic: 0.95, keyword: 1 } });
    expect((await notes.hybridSearch(query)).hits).toEqual(hits);
    expect((await notes.hybridSearch(query, { weights: { semantic: 1 } })).hits).not.toEqual(hits);
  });

  it("leaves the one document that has a rare word first", async () => {
    const vectors: Readonly<Record<string, number[]>> = { far: [0, 1], near: [1, 0.1], nearest: [1, 0] };
    const embed = (texts: readonly string[]) => texts.map((text) => vectors[text.split(" ")[0] ?? ""] ?? [1, 0]);
    const collection = await db.collection("rare", { embedder: fromFunction({ id: "rare", dimensions: 2, embed }) });
    await collection.addDocuments(["far from it, part zx81b", "near to it", "nearest to it"]);
    const { hits } = await collection.hybridSearch("zx81b");
    expect(hits.map(({ content }) => content.split(" ")[0])).toEqual(["far", "nearest", "near"]);
  });

  it("must be a number of at least 0", async () => {
    for (const hybridWeight of [-1, Number.NaN, "1" as unknown as number]) {
      await expect(
        db.collection("modest too", { embedder: { ...hashEmbedder(), hybridWeight } }),
      ).rejects.toMatchObject({
        code: "invalid_argument",
        message: expect.stringContaining("hybridWeight"),
      });
    }
  });
});

describe("hybridSearch by weighted scores", () => {
  it.each(["cosine", "l2", "inner_product"] as const)("fuses as the formula says, by %s", async (distance) => {
    const collection = await db.collection(`weighted ${distance}`, { embedder: hashEmbedder(), distance });
    await collection.addDocuments(NOTES);
    const weights = { semantic: 3, keyword: 1 };
    const { hits } = await collection.hybridSearch("lease of a flat in March", {
      fusion: { kind: "weighted" },
      weights,
    });
    const arms = {
      semantic: (await collection.semanticSearch("lease of a flat in March")).hits,
      keyword: (await collection.keywordSearch("lease of a flat in March")).hits,
    };
    const unitOf = (arm: keyof typeof arms, id: string) => {
      const scores = arms[arm].map(({ score }) => score);
      const score = arms[arm].find((hit) => hit.id === id)?.score;
      const [low, high] = [arm === "keyword" ? 0 : Math.min(...scores), Math.max(...scores)];
      return score === undefined ? 0 : high > low ? (score - low) / (high - low) : 1;
    };
    for (const { id, score, stages } of hits) {
      expect(score).toBeCloseTo((3 * unitOf("semantic", id) + unitOf("keyword", id)) / 4, 6);
      expect(stages.hybrid?.score).toBe(score);
    }
    expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).sort((a, b) => b - a));
    expect(hits[0]).toMatchObject({ id: "lease", score: 1 });
  });

  it("is what is done where nothing is said, and few hits are the first of many", async () => {
    const { hits } = await notes.hybridSearch("lease of a flat in March", { fusion: { kind: "weighted" } });
    for (let k = 1; k <= hits.length; k++) {
      expect((await notes.hybridSearch("lease of a flat in March", { k })).hits).toEqual(hits.slice(0, k));
    }
  });

  it("takes the constant of rank fusion in either place", async () => {
    const one = await notes.hybridSearch("lease", { rankConstant: 7 });
    const other = await notes.hybridSearch("lease", { fusion: { kind: "rrf", rankConstant: 7 } });
    expect(other.hits).toEqual(one.hits);
  });

  it.each<[unknown, RegExp]>([
    [{ kind: "mean" }, /`fusion.kind` must be one of: rrf, weighted/],
    [{ kind: "weighted", rankConstant: 3 }, /Unknown option `rankConstant`/],
    [{ kind: "rrf", rankConstant: -1 }, /`fusion.rankConstant`/],
    ["rrf", /`fusion` must be an object/],
  ])("refuses %j", async (fusion, message) => {
    await expect(notes.hybridSearch("x", { fusion: fusion as Fusion })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(message),
    });
  });

  it("refuses two constants", async () => {
    const both = notes.hybridSearch("x", { fusion: { kind: "rrf" }, rankConstant: 3 });
    await expect(both).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("query", () => {
  const reranker = (_query: string, texts: readonly string[]) => texts.map((text) => -text.length);

  it("says the same as the searches", async () => {
    const query = notes.query("lease of the flat");
    expect((await query.run()).hits).toEqual((await notes.hybridSearch("lease of the flat")).hits);
    expect((await query.semantic().candidates(2).run()).hits).toEqual(
      (await notes.semanticSearch("lease of the flat", { k: 2 })).hits,
    );
    expect(idsOf(await query.keyword({ match: "phrase" }).run())).toEqual(["lease"]);
    expect(idsOf(await notes.query("pasport").trigram().run())).toEqual(["passport"]);
    const reranked = await query.hybrid({ rankConstant: 5 }).candidates(3).rerank(reranker, { topK: 2 }).run();
    const same = await notes.rerankSearch("lease of the flat", { rankConstant: 5, k: 3, reranker, rerankTopK: 2 });
    expect(reranked.hits).toEqual(same.hits);
    expect(reranked.candidates).toEqual({ requested: 3, returned: 3 });
  });

  it("is immutable: every step leaves the one before as it was", async () => {
    const all = notes.query("lease travel").hybrid();
    const some = all.where({ n: { $gt: 1 } });
    const few = some.where({ n: { $lt: 4 } });
    expect(idsOf(await all.run())).toHaveLength(4);
    expect(idsOf(await some.run()).sort()).toEqual(["flat", "noise", "passport"]);
    expect(idsOf(await few.exact().run()).sort()).toEqual(["flat", "noise"]);
    const pages = all.rerank(reranker, { topK: 2 });
    expect([...idsOf(await pages.run()), ...idsOf(await pages.offset(2).run())]).toEqual(
      idsOf(await all.rerank(reranker, { topK: 4 }).run()),
    );
    expect(idsOf(await all.run())).toHaveLength(4);
  });

  it("is no promise, and rejects in run()", async () => {
    const query = notes.query(" ");
    expect("then" in query).toBe(false);
    await expect(query.run()).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(notes.query("x").candidates(0).run()).rejects.toMatchObject({ code: "invalid_argument" });
    const wrong = notes.query("x").rerank(reranker, { topk: 3 } as never);
    await expect(wrong.run()).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("explain", () => {
  const SECRET = "xyzzy";

  it.each(["text", "json"] as const)("tells the plan and the time as %s, and no value", async (format) => {
    for (const method of ["semantic", "keyword", "hybrid", "trigram", "multimodal"] as const) {
      const { statements } = await notes.explain(`${SECRET} lease`, {
        method,
        where: { [SECRET]: SECRET } as never,
        format,
      });
      // Nothing matches, which could be the fault of an index: where vectors are compared it is looked for again. A fuzzy
      // search looks for what is less alike.
      expect(statements).toHaveLength(method === "keyword" ? 1 : 2);
      for (const { sql, plan, planningMs, executionMs } of statements) {
        expect(sql).toContain("$1");
        expect(JSON.stringify(plan)).toContain("Scan");
        expect(planningMs).toBeGreaterThan(0);
        expect(executionMs).toBeGreaterThan(0);
      }
      expect(JSON.stringify(statements)).not.toContain(SECRET);
    }
  });

  it("is at the end of a query too", async () => {
    const { statements } = await notes.query("lease").keyword().explain();
    expect(statements[0]?.plan).toMatch(isServer ? /Scan/ : /Index Scan using documents_\d+_bm25/);
  });
});

function unit(dimensions: number): number[] {
  return [1, ...Array(dimensions - 1).fill(0)];
}
