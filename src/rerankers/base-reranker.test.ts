import { describe, expect, expectTypeOf, it } from "vitest";
import type { RerankedDocument, RerankInput } from "../contracts/document.ts";
import type { RerankOptions, RerankResult } from "../contracts/reranker.ts";
import { haveSameHiddenClass } from "../inference/workers/same-hidden-class.suite.ts";
import { BaseReranker, type ScoreRequest, type ScoreResult, type Scores } from "./base-reranker.ts";

class Fixed extends BaseReranker {
  override readonly name = "fixed";
  readonly requests: ScoreRequest[] = [];
  readonly #answer: unknown;

  constructor(answer: unknown) {
    super();
    this.#answer = answer;
  }

  protected override async score(request: ScoreRequest): Promise<Scores | ScoreResult> {
    this.requests.push(request);
    return this.#answer as Scores;
  }
}

const documents = ["a", "b", "c"];

describe("BaseReranker", () => {
  it("orders by raw score where 0..1 scores tie", async () => {
    const ranked = await new Fixed([37, 40, 38]).rerank("q", documents);
    expect(ranked.map(({ score }) => score)).toEqual([1, 1, 1]);
    expect(ranked.map(({ content }) => content)).toEqual(["b", "c", "a"]);
  });

  it("leaves V8 nothing of a rerank to describe anew", async () => {
    const answer = { scores: [1, 2, 3], usage: { tokens: 30, truncatedTokens: 0 } };
    const fixed = new Fixed(answer);
    const results: RerankResult<string>[] = [];
    // V8 does so only in code that has run some times.
    for (let i = 0; i < 100; i++) results.push(await fixed.rerankDetailed("q", documents));
    const [one, other] = results.slice(-2) as [RerankResult<string>, RerankResult<string>];
    expect(haveSameHiddenClass(one, other)).toBe(true);
    expect(haveSameHiddenClass(one.usage, other.usage)).toBe(true);
    const [first, second] = fixed.requests.slice(-2) as [ScoreRequest, ScoreRequest];
    expect(haveSameHiddenClass(first, second)).toBe(true);
  });

  it("takes index and score pairs, also only the best topK", async () => {
    const scores = [
      { index: 2, rawScore: 1 },
      { index: 0, rawScore: 3 },
    ];
    const ranked = await new Fixed(scores).rerank("q", documents, { topK: 2 });
    expect(ranked.map(({ index }) => index)).toEqual([0, 2]);
  });

  it.each([
    ["too few scores", [1, 2]],
    ["too many scores", [1, 2, 3, 4]],
    ["NaN", [1, Number.NaN, 3]],
    ["an infinite score", [1, Number.POSITIVE_INFINITY, 3]],
    ["text", [1, "2", 3]],
    ["a gap", [1, undefined, 3]],
    ["holes", Object.assign(new Array<number>(3), { 0: 1 })],
    ["null", null],
    ["nothing", undefined],
    ["an object", {}],
    ["pairs that leave one out", [0, 1].map((index) => ({ index, rawScore: 1 }))],
    ["an index twice", [0, 1, 1].map((index) => ({ index, rawScore: 1 }))],
    ["an index out of range", [0, 1, 3].map((index) => ({ index, rawScore: 1 }))],
    ["an index that is no integer", [0, 1, 1.5].map((index) => ({ index, rawScore: 1 }))],
  ])("rejects an answer with %s", async (_name, answer) => {
    await expect(new Fixed(answer).rerank("q", documents)).rejects.toMatchObject({ code: "invalid_response" });
  });

  it("rejects a unit score outside 0..1", async () => {
    class Unit extends Fixed {
      override readonly scale = "unit";
    }
    await expect(new Unit([0.5, 1.2, 0]).rerank("q", documents)).rejects.toThrow(
      /scale "unit", and gave document 1 a score outside it/,
    );
  });

  it("passes on usage and truncation", async () => {
    const truncated = [{ index: 1, documentTokens: 7, queryTokens: 0 }];
    const result = await new Fixed({ scores: [1, 2, 3], usage: { tokens: 30 }, truncated }).rerankDetailed(
      "q",
      documents,
    );
    expect(result.usage).toMatchObject({ documents: 3, tokens: 30 });
    expect(result.truncated).toEqual(truncated);
  });

  it("does not ask the backend about an empty list", async () => {
    const reranker = new Fixed([]);
    expect(await reranker.rerank("q", [])).toEqual([]);
    expect(reranker.requests).toHaveLength(0);
  });

  it("scores the documents it was given, whatever the caller does to the array meanwhile", async () => {
    class Slow extends BaseReranker {
      override readonly name = "slow";
      protected override async score({ texts }: ScoreRequest): Promise<Scores> {
        await Promise.resolve();
        return texts.map((text) => text.length);
      }
    }
    const changing = ["long text", "x"];
    const pending = new Slow().rerank("q", changing);
    changing.reverse();
    expect((await pending)[0]).toMatchObject({ content: "long text", index: 0 });
  });

  it("forgets the retrieval score of an earlier rerank and keeps this one's", async () => {
    const [first] = await new Fixed([2]).rerank("q", [{ content: "a", score: 0.25 }]);
    expect(first?.retrievalScore).toBe(0.25);
    const [second] = await new Fixed([-2]).rerank("q", [first as { content: string }]);
    expect(second?.retrievalScore).toBe(first?.score);
    const [third] = await new Fixed([0]).rerank("q", [{ content: "a", retrievalScore: 9 }]);
    expect(third).toEqual({ content: "a", score: 0.5, rawScore: 0, index: 0 });
  });

  it("lets a subclass replace rerank itself", async () => {
    class Reversed extends Fixed {
      override async rerank<T extends RerankInput>(
        query: string,
        inputs: readonly T[],
        options?: RerankOptions,
      ): Promise<RerankedDocument<T>[]> {
        return (await super.rerank(query, inputs, options)).reverse();
      }
    }
    const result = await new Reversed([3, 2, 1]).rerankDetailed("q", documents);
    expect(result.documents.map(({ content }) => content)).toEqual(["c", "b", "a"]);
    expect(result).toMatchObject({ reranked: true, backend: "fixed" });
  });

  it("types what comes back after what went in", async () => {
    const ranked = await new Fixed([1]).rerank("q", [{ content: "a", price: 5, score: "high" }]);
    expectTypeOf(ranked[0]?.price).toEqualTypeOf<number | undefined>();
    expectTypeOf(ranked[0]?.score).toEqualTypeOf<number | undefined>();
    const strings = await new Fixed([1]).rerank("q", ["a"]);
    expectTypeOf(strings[0]?.content).toEqualTypeOf<string | undefined>();
    expect(ranked[0]).toMatchObject({ content: "a", price: 5 });
  });
});
