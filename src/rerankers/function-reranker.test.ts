import { describe, expect, it } from "vitest";
import { fromFunction, toReranker } from "./function-reranker.ts";
import { describeRerankerContract } from "./reranker-contract.suite.ts";

/** Share of the query's words that the text has: a real, if small, relevance function. */
function wordOverlap(query: string, texts: readonly string[]): number[] {
  const words = query.toLowerCase().match(/\p{L}+/gu) ?? [];
  return texts.map((text) => {
    const found = words.filter((word) => text.toLowerCase().includes(word)).length;
    return words.length === 0 ? 0 : found / words.length;
  });
}

describeRerankerContract("a function of logits", { create: () => fromFunction(wordOverlap) });
describeRerankerContract("a function on 0..1", { create: () => fromFunction(wordOverlap, { scale: "unit" }) });

describe("fromFunction", () => {
  it("is named after the function", () => {
    expect(fromFunction(wordOverlap).name).toBe("wordOverlap");
    expect(fromFunction(wordOverlap, { name: "overlap" }).name).toBe("overlap");
  });

  it("passes well-formed text and a signal that fires with the deadline", async () => {
    let seen: AbortSignal | undefined;
    const slow = fromFunction((_query, texts, { signal }) => {
      seen = signal;
      expect(texts).toEqual(["a\uFFFD"]);
      return new Promise<number[]>(() => {});
    });
    await expect(slow.rerank("q", ["a\ud800"], { timeoutMs: 5 })).rejects.toMatchObject({
      code: "timeout",
      retryable: true,
    });
    expect(seen?.aborted).toBe(true);
  });

  it("refuses what is not a function", () => {
    expect(() => fromFunction(5 as never)).toThrowError(/`score` must be a function/);
  });
});

describe("toReranker", () => {
  it("keeps a reranker and wraps a function", async () => {
    const reranker = fromFunction(wordOverlap);
    expect(toReranker(reranker)).toBe(reranker);
    expect((await toReranker(wordOverlap).rerank("cat", ["dog", "cat"]))[0]?.content).toBe("cat");
  });

  it("refuses anything else", () => {
    expect(() => toReranker({} as never)).toThrowError(/`reranker` must be/);
    expect(() => toReranker(null as never)).toThrowError(/`reranker` must be/);
  });
});
