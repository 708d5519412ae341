import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dealTexts } from "./deal-texts.ts";

describe("dealTexts", () => {
  it("deals every text once, in order, to no more workers than there are texts", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.integer({ min: 1, max: 8 }), (texts, workers) => {
        const hands = dealTexts(texts, workers);
        expect(hands).toHaveLength(Math.min(workers, texts.length));
        expect(hands.flat().sort((a, b) => a - b)).toEqual([...texts.keys()]);
        for (const hand of hands) {
          expect(hand.length).toBeGreaterThan(0);
          expect(hand).toEqual([...hand].sort((a, b) => a - b));
        }
      }),
    );
  });

  it("gives a long text as much weight as many short ones", () => {
    expect(dealTexts(["a".repeat(100), "b", "c", "d"], 2)).toEqual([[0], [1, 2, 3]]);
  });

  it("does not let one endless text starve the others", () => {
    const texts = ["x".repeat(1_000_000), ...Array.from({ length: 4 }, () => "y".repeat(4096))];
    expect(dealTexts(texts, 2).map(({ length }) => length)).toEqual([3, 2]);
  });
});
