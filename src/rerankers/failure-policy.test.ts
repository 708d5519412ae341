import { describe, expect, it } from "vitest";
import type { FailurePolicy } from "../contracts/reranker.ts";
import { PgVectorDBError } from "../errors.ts";
import { BaseReranker, type ScoreRequest } from "./base-reranker.ts";
import { fromFunction } from "./function-reranker.ts";

const DOCUMENTS = [
  { content: "bb", score: 3 },
  { content: "a", score: 2 },
  { content: "ccc", score: 1 },
];
const byLength = fromFunction((_query, texts) => texts.map((text) => text.length - 2), { name: "by length" });
const failing = (
  onError?: FailurePolicy,
  error: unknown = new PgVectorDBError("inference_failed", "The model failed."),
) => fromFunction(() => Promise.reject(error), { name: "failing", onError });

describe("the failure policy of every reranker", () => {
  it("throws unless told otherwise", async () => {
    await expect(failing().rerank("q", DOCUMENTS)).rejects.toMatchObject({ code: "inference_failed" });
    await expect(failing("passthrough").rerank("q", DOCUMENTS, { onError: "throw" })).rejects.toThrow(
      "The model failed.",
    );
  });

  it("passes documents through in their order, marked", async () => {
    const result = await failing("passthrough").rerankDetailed("q", DOCUMENTS, { topK: 2, threshold: 0.9 });
    expect(result).toMatchObject({
      reranked: false,
      backend: "failing",
      reason: "failing failed (inference_failed): The model failed.",
      documents: [
        { content: "bb", score: 0, rawScore: 0, index: 0, retrievalScore: 3 },
        { content: "a", score: 0, rawScore: 0, index: 1, retrievalScore: 2 },
      ],
      truncated: [],
    });
    expect(await failing("passthrough").rerank("q", DOCUMENTS, { topK: 2 })).toEqual(result.documents);
  });

  it("asks a fallback, whose scores meet a threshold of their own", async () => {
    const result = await failing({ fallback: byLength }).rerankDetailed("q", DOCUMENTS, { threshold: 0.99 });
    expect(result).toMatchObject({
      reranked: true,
      backend: "by length",
      reason: expect.stringMatching(/failing failed/),
    });
    expect(result.documents.map(({ content }) => content)).toEqual(["ccc", "bb", "a"]);
    const strict = await failing({ fallback: byLength, threshold: 0.5 }).rerank("q", DOCUMENTS, { threshold: 0.99 });
    expect(strict.map(({ content }) => content)).toEqual(["ccc", "bb"]);
  });

  it("adds up what every member of a chain counted", async () => {
    class Counting extends BaseReranker {
      override readonly name = "counting";
      readonly fails: boolean;
      constructor(fails: boolean, onError?: FailurePolicy) {
        super({ onError });
        this.fails = fails;
      }
      protected override async score({ texts, meter }: ScoreRequest) {
        const one = { tokens: 1, truncatedTokens: 2, calls: 3, retries: 4, searchUnits: 5, cacheHits: 6 };
        meter.add(one);
        if (this.fails) throw new PgVectorDBError("network", "Gone.");
        return texts.map(() => 1);
      }
    }
    const { usage } = await new Counting(true, { fallback: new Counting(false) }).rerankDetailed("q", DOCUMENTS);
    const { durationMs, ...counts } = usage;
    expect(durationMs).toBeGreaterThan(0);
    const twice = { tokens: 2, truncatedTokens: 4, calls: 6, retries: 8, searchUnits: 10, cacheHits: 12 };
    expect(counts).toEqual({ documents: 3, ...twice });
  });

  it("follows a chain to its end", async () => {
    const chain = failing({ fallback: failing({ fallback: failing("passthrough") }) });
    const result = await chain.rerankDetailed("q", DOCUMENTS);
    expect(result.reranked).toBe(false);
    expect(result.reason?.match(/failing failed/g)).toHaveLength(3);
    const broken = failing({ fallback: failing() });
    await expect(broken.rerank("q", DOCUMENTS)).rejects.toThrow(
      "The model failed. It stood in for another: failing failed",
    );
  });

  it("gives a fallback what is left of the call's time, and a reranker's own time is its own", async () => {
    const hung = (onError: FailurePolicy) =>
      fromFunction(() => new Promise<never>(() => undefined), { name: "hung", onError, timeoutMs: 20 });
    const result = await hung({ fallback: byLength }).rerankDetailed("q", DOCUMENTS, { timeoutMs: 60_000 });
    expect(result).toMatchObject({ backend: "by length", reason: expect.stringMatching(/timeout.*20 ms/) });
    const late = await hung({ fallback: hung("passthrough") }).rerankDetailed("q", DOCUMENTS, { timeoutMs: 30 });
    expect(late).toMatchObject({ reranked: false, backend: "hung" });
  });

  it("never hides the caller's own doing", async () => {
    const controller = new AbortController();
    const call = fromFunction(() => new Promise<never>(() => undefined), { onError: "passthrough" }).rerank(
      "q",
      DOCUMENTS,
      {
        signal: controller.signal,
      },
    );
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: "aborted" });
    await expect(failing("passthrough").rerank(" ", DOCUMENTS)).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("gives away nothing of a foreign error", async () => {
    const { reason } = await failing("passthrough", new RangeError("Kanarie")).rerankDetailed("q", DOCUMENTS);
    expect(reason).toBe("failing failed with RangeError.");
  });

  it.each(["ignore", {}, { fallback: () => [1] }, { fallback: byLength, threshold: 2 }, null])(
    "refuses %o",
    async (policy) => {
      const onError = policy as FailurePolicy;
      expect(() => fromFunction(() => [], { onError })).toThrow(/`onError/);
      await expect(byLength.rerank("q", DOCUMENTS, { onError })).rejects.toMatchObject({ code: "invalid_argument" });
    },
  );
});
