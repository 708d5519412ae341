import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planBatches } from "./plan-batches.ts";

describe("planBatches", () => {
  it("puts inputs of like length together, the longest first", () => {
    expect(planBatches([5, 100, 6, 90, 300], { batchSize: 2, batchTokens: 300 })).toEqual([[4], [1, 3], [2, 0]]);
    expect(planBatches([], { batchSize: 2, batchTokens: 300 })).toEqual([]);
  });

  it("places every input once and keeps within both limits", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 600 }), { maxLength: 200 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 2000 }),
        (lengths, batchSize, batchTokens) => {
          const batches = planBatches(lengths, { batchSize, batchTokens });
          expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
          for (const batch of batches) {
            const longest = Math.max(...batch.map((i) => lengths[i] as number));
            expect(batch.length).toBeLessThanOrEqual(batchSize);
            if (batch.length > 1) expect(batch.length * longest).toBeLessThanOrEqual(batchTokens);
          }
        },
      ),
    );
  });
});
