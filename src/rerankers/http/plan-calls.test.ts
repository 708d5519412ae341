import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CallLimits, estimateTokens, planCalls } from "./plan-calls.ts";

describe("planCalls", () => {
  it("cuts as late as the limits allow", () => {
    const texts = ["a", "b", "c", "d", "e"];
    expect(planCalls("q", texts, { maxDocuments: 2 })).toEqual([
      { from: 0, to: 2 },
      { from: 2, to: 4 },
      { from: 4, to: 5 },
    ]);
    expect(planCalls("q", texts, { maxDocuments: 5 })).toEqual([{ from: 0, to: 5 }]);
    expect(planCalls("q", [], { maxDocuments: 5 })).toEqual([]);
  });

  it("keeps Voyage's rule: query tokens times documents plus all document tokens", () => {
    const query = "x".repeat(200);
    const texts = Array.from({ length: 1000 }, () => "y".repeat(2000));
    const limits: CallLimits = { maxDocuments: 1000, maxTokens: 600_000, maxTokensPerPair: 32_000 };
    const sizes = planCalls(query, texts, limits).map(({ from, to }) => to - from);
    expect(sizes).toEqual([545, 455]);
  });

  it("counts what is longer than the model reads as what it reads", () => {
    const limits: CallLimits = { maxDocuments: 1000, maxTokens: 600_000, maxTokensPerPair: 32_000 };
    expect(
      planCalls(
        "q",
        Array.from({ length: 20 }, () => "y".repeat(1e6)),
        limits,
      ),
    ).toHaveLength(2);
  });

  it("names a document that no request can hold", () => {
    const limits: CallLimits = { maxDocuments: 32, maxBytes: 10_000 };
    expect(() => planCalls("q", ["a", "b".repeat(9000)], limits)).toThrow(/`documents\[1\]`/);
  });

  it("leaves nothing out, repeats nothing, and keeps every limit", () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom("a", '"', "\n", "é", "语", "🔥"), maxLength: 60 }), {
      maxLength: 40,
    });
    const limits = fc.record({
      maxDocuments: fc.integer({ min: 1, max: 20 }),
      maxBytes: fc.integer({ min: 4000, max: 6000 }),
      maxTokens: fc.integer({ min: 400, max: 1000 }),
    });
    fc.assert(
      fc.property(fc.string({ maxLength: 50 }), texts, limits, (query, list, limit) => {
        const plan = planCalls(query, list, limit);
        expect(plan.flatMap(({ from, to }) => list.slice(from, to))).toEqual(list);
        for (const { from, to } of plan) {
          const part = list.slice(from, to);
          expect(part.length).toBeLessThanOrEqual(limit.maxDocuments);
          expect(Buffer.byteLength(JSON.stringify({ query, texts: part }))).toBeLessThanOrEqual(limit.maxBytes);
          const tokens = part.reduce((sum, text) => sum + estimateTokens(query) + estimateTokens(text), 0);
          expect(tokens).toBeLessThanOrEqual(limit.maxTokens);
        }
      }),
      { numRuns: 40 },
    );
  });
});
