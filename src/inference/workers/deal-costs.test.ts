import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dealCosts } from "./deal-costs.ts";

describe("dealCosts", () => {
  it("deals every position once, in order, into no more hands than there are positions", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5000)), fc.integer({ min: 1, max: 8 }), (costs, count) => {
        const hands = dealCosts(costs, count);
        expect(hands).toHaveLength(Math.min(count, costs.length));
        expect(hands.flat().sort((a, b) => a - b)).toEqual([...costs.keys()]);
        for (const hand of hands) {
          expect(hand.length).toBeGreaterThan(0);
          expect(hand).toEqual([...hand].sort((a, b) => a - b));
        }
      }),
    );
  });

  it("leaves no hand empty where costs are nothing", () => {
    expect(dealCosts([0, 0, 3, 0], 3)).toEqual([[2], [0, 3], [1]]);
  });

  it("gives a large cost as much weight as many small ones", () => {
    expect(dealCosts([100, 1, 1, 1], 2)).toEqual([[0], [1, 2, 3]]);
  });
});
