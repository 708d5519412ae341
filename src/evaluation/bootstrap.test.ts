import { describe, expect, it } from "vitest";
import { bootstrap, pairedBootstrap } from "./bootstrap.ts";

/** A hundred values from 0 to 1 with mean 0.5 and standard deviation 0.2916. */
const even = Array.from({ length: 100 }, (_, index) => index / 99);

describe("bootstrap", () => {
  it("comes near the normal interval of the mean", () => {
    const { mean, low, high } = bootstrap(even);
    const halfWidth = (1.96 * 0.2916) / Math.sqrt(100);
    expect(mean).toBeCloseTo(0.5, 12);
    expect(low).toBeCloseTo(0.5 - halfWidth, 2);
    expect(high).toBeCloseTo(0.5 + halfWidth, 2);
  });

  it("gives the same interval for the same seed and another for another", () => {
    expect(bootstrap(even, { seed: 5 })).toEqual(bootstrap(even, { seed: 5 }));
    expect(bootstrap(even, { seed: 5 })).not.toEqual(bootstrap(even, { seed: 6 }));
  });

  it("is narrower for less confidence, and a point for values without spread", () => {
    const wide = bootstrap(even, { confidence: 0.99 });
    const narrow = bootstrap(even, { confidence: 0.5 });
    expect(narrow.high - narrow.low).toBeLessThan(wide.high - wide.low);
    expect(bootstrap([0.25, 0.25, 0.25])).toEqual({ mean: 0.25, low: 0.25, high: 0.25 });
  });

  it("sees a small gain that every query has, where the spread between queries hides it from separate intervals", () => {
    const after = even.map((value) => value + 0.01);
    const { mean, low, high } = pairedBootstrap(even, after);
    expect(mean).toBeCloseTo(0.01, 12);
    expect(low).toBeCloseTo(0.01, 12);
    expect(high).toBeCloseTo(0.01, 12);
    expect(bootstrap(after).low).toBeLessThan(bootstrap(even).high);
  });

  it("leaves 0 inside when gains and losses balance", () => {
    const after = even.map((value, index) => value + (index % 2 === 0 ? 0.1 : -0.1));
    const { low, high } = pairedBootstrap(even, after);
    expect(low).toBeLessThan(0);
    expect(high).toBeGreaterThan(0);
  });

  it.each([
    ["no values", () => bootstrap([])],
    ["a hole", () => bootstrap(new Array(3))],
    ["a value that is not finite", () => bootstrap([1, Number.NaN])],
    ["lengths that differ", () => pairedBootstrap([1, 2], [1])],
    ["samples of 0", () => bootstrap([1], { samples: 0 })],
    ["a confidence of 95", () => bootstrap([1], { confidence: 95 })],
    ["a seed that is not an integer", () => bootstrap([1], { seed: 0.5 })],
  ])("refuses %s", (_, call) => {
    expect(call).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });
});
