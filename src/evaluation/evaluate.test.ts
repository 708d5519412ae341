import { describe, expect, it } from "vitest";
import { BaseReranker, type ScoreRequest } from "../rerankers/base-reranker.ts";
import type { Retrieve } from "./candidates.ts";
import { type EvaluateOptions, evaluate } from "./evaluate.ts";
import type { Run } from "./run.ts";

const queries = [
  { id: "q1", text: "apple" },
  { id: "q2", text: "pear" },
  { id: "unjudged", text: "plum" },
  { id: "nothing relevant", text: "fig" },
];
const qrels = new Map([
  ["q1", new Map([["d1", 1]])],
  ["q2", new Map([["d2", 1]])],
  ["nothing relevant", new Map([["d1", 0]])],
]);
const documents = new Map([
  ["d1", "about an apple"],
  ["d2", "about a pear"],
  ["d3", "about nothing"],
]);
const run: Run = new Map([
  [
    "q1",
    [
      { id: "d3", score: 3 },
      { id: "d2", score: 2 },
      { id: "d1", score: 1 },
    ],
  ],
  [
    "q2",
    [
      { id: "d2", score: 3 },
      { id: "d3", score: 2 },
    ],
  ],
]);
const byWord = (query: string, texts: readonly string[]) => texts.map((text) => (text.includes(query) ? 1 : 0));

describe("evaluate", () => {
  it("measures a run and the same candidates reranked, with the differences", async () => {
    const report = await evaluate({
      queries,
      qrels,
      run,
      documents,
      rerankers: { byWord },
      metrics: ["mrr", "ndcg@1"],
    });
    expect(report).toMatchObject({ queries: 2, skipped: 2 });
    const [first, reranked] = report.stages;
    // Rank 3 and rank 1: (1/3 + 1) / 2.
    expect(first).toMatchObject({ name: "first stage", metrics: { mrr: { mean: 2 / 3 }, "ndcg@1": { mean: 0.5 } } });
    expect(first?.differences).toBeUndefined();
    expect(reranked).toMatchObject({ name: "byWord", metrics: { mrr: { mean: 1 }, "ndcg@1": { mean: 1 } } });
    expect(reranked?.differences?.["mrr"]?.mean).toBeCloseTo(1 / 3, 12);
    expect(reranked?.perQuery.get("q1")).toEqual({ mrr: 1, "ndcg@1": 1 });
    expect(reranked?.latencyMs.p50).toBeGreaterThanOrEqual(0);
  });

  it("measures a search that is called, one query after the other", async () => {
    const seen: string[] = [];
    const retrieve: Retrieve = async (query, { queryId, signal }) => {
      seen.push(queryId);
      expect(signal.aborted).toBe(false);
      return [...documents].filter(([, text]) => text.includes(query)).map(([id, content]) => ({ id, content }));
    };
    const progress: number[] = [];
    const report = await evaluate({ queries, qrels, retrieve, onProgress: ({ done }) => progress.push(done) });
    expect(report.stages).toHaveLength(1);
    expect(report.stages[0]?.metrics["recall@100"]?.mean).toBe(1);
    expect([seen, progress]).toEqual([
      ["q1", "q2"],
      [1, 2],
    ]);
  });

  it("reranks no more than `depth` candidates and keeps the others behind them", async () => {
    let most = 0;
    const last = (_: string, texts: readonly string[]) => {
      most = Math.max(most, texts.length);
      return texts.map((_, index) => index);
    };
    const report = await evaluate({ queries, qrels, run, documents, rerankers: { last }, depth: 2, metrics: ["mrr"] });
    expect(most).toBe(2);
    expect(report.stages[1]?.perQuery.get("q1")).toEqual({ mrr: 1 / 3 });
    expect(report.stages[1]?.perQuery.get("q2")).toEqual({ mrr: 1 / 2 });
  });

  it("measures a reranker beside whose scores the first stage counts with it too", async () => {
    class Weighed extends BaseReranker {
      readonly name = "weighed";
      override readonly firstStageWeight = 1;
      protected override async score({ query, texts }: ScoreRequest) {
        return texts.map((text) => (text.includes(query) ? Math.log(2) : 0));
      }
    }
    const rerankers = { weighed: new Weighed(), byWord };
    const { stages } = await evaluate({ queries, qrels, run, documents, rerankers, metrics: ["mrr"] });
    expect(stages.map(({ name }) => name)).toEqual(["first stage", "weighed", "weighed with first stage", "byWord"]);
    // The third candidate has twice the odds by its words and a third by its rank.
    expect(stages.map(({ perQuery }) => perQuery.get("q1")?.["mrr"])).toEqual([1 / 3, 1, 1 / 2, 1]);
    expect(stages[2]?.latencyMs).toEqual(stages[1]?.latencyMs);
  });

  it("weighs the first stage's order by what the first stage is said to be", async () => {
    class Weighed extends BaseReranker {
      readonly name = "weighed";
      override readonly firstStageWeight = { modest: 0, strong: 10 };
      protected override async score({ texts }: ScoreRequest) {
        return texts.map((_, index) => index);
      }
    }
    const given = { queries, qrels, run, documents, rerankers: { weighed: new Weighed() }, metrics: ["mrr"] as const };
    const modest = await evaluate(given);
    expect(modest.stages.map(({ name }) => name)).toEqual(["first stage", "weighed"]);
    const { stages } = await evaluate({ ...given, firstStageStrength: "strong" });
    expect(stages.map(({ name }) => name)).toEqual(["first stage", "weighed", "weighed with first stage"]);
    expect(stages[2]?.perQuery).toEqual(stages[0]?.perQuery);
    expect(stages[1]?.perQuery).not.toEqual(stages[0]?.perQuery);
    const wrong = evaluate({ ...given, firstStageStrength: "weak" as "modest" });
    await expect(wrong).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("`firstStageStrength`"),
    });
  });

  it("counts a query that found nothing as 0", async () => {
    const report = await evaluate({
      queries,
      qrels,
      run: new Map([["q2", run.get("q2") ?? []]]),
      documents,
      rerankers: { byWord },
      metrics: ["mrr"],
    });
    expect(report.stages.map(({ metrics }) => metrics["mrr"]?.mean)).toEqual([0.5, 0.5]);
  });

  it("stops at an abort", async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const pending = evaluate({ queries, qrels, run, documents, onProgress, signal: controller.signal });
    await expect(pending).rejects.toMatchObject({ code: "aborted" });
  });

  it.each([
    ["that is not an array", "none"],
    ["with a candidate without content", [{ id: "d1" }]],
    ["with a candidate that is null", [null]],
    [
      "with a document twice",
      [
        { id: "d1", content: "a" },
        { id: "d1", content: "a" },
      ],
    ],
  ])("refuses a first stage's answer %s", async (_, answer) => {
    const pending = evaluate({ queries, qrels, retrieve: () => answer as never });
    await expect(pending).rejects.toMatchObject({ code: "invalid_response" });
  });

  it.each([
    [{ queries: "q1" }, "`queries`"],
    [{ queries: [{ id: "q1" }] }, "`queries[0]`"],
    [{ queries: [queries[0], queries[0]] }, "`queries[1]`"],
    [{ qrels: {} }, "`qrels`"],
    [{ qrels: new Map([["q9", new Map()]]) }, "`qrels`"],
    [{ run: undefined }, "`retrieve`"],
    [{ retrieve: () => [] }, "`retrieve`"],
    [{ documents: new Map([["d9", "text"]]) }, "`documents`"],
    [{ rerankers: [byWord] }, "`rerankers`"],
    [{ rerankers: { bad: 5 } }, "`reranker`"],
    [{ depth: 0 }, "`depth`"],
    [{ metrics: [] }, "`metrics`"],
    [{ metrics: ["accuracy"] }, "`metrics`"],
    [{ bootstrap: { samples: -1 } }, "`samples`"],
    [{ signal: "stop" }, "`signal`"],
    [{ onProgress: 5 }, "`onProgress`"],
    [{ topK: 5 }, "`topK`"],
  ])("refuses %j", async (change, named) => {
    const options = { queries, qrels, run, documents, ...change } as unknown as EvaluateOptions;
    await expect(evaluate(options)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining(named),
    });
  });
});
