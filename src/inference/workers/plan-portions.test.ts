import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planPortions } from "./plan-portions.ts";

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

describe("planPortions", () => {
  it("places every text once, and behind the dealt part two thirds of an even share of what is left at most, or a run", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 64, max: 5000 }), { maxLength: 300, size: "max" }),
        fc.integer({ min: 2, max: 8 }),
        (costs, workers) => {
          const portions = planPortions(costs, workers);
          expect(portions.flat().sort((a, b) => a - b)).toEqual([...costs.keys()]);
          let left = sum(costs);
          for (const portion of portions) {
            const cost = sum(portion.map((i) => costs[i] as number));
            expect(portion.length).toBeGreaterThan(0);
            if (portion.length > 1 && left <= 0.3 * sum(costs) && sum(costs) > 1024 * workers)
              expect(cost).toBeLessThanOrEqual(Math.max(1024, (2 * left) / (3 * workers) + 1e-6));
            left -= cost;
          }
        },
      ),
    );
  });

  it("deals the longest texts evenly, one portion a worker, and then the others in portions that shrink to one run", () => {
    const costs = Array.from({ length: 100 }, (_, i) => 200 + i);
    const portions = planPortions(costs, 2);
    const dealt = portions.slice(0, 2).map((portion) => sum(portion.map((i) => costs[i] as number)));
    expect(Math.abs((dealt[0] as number) - (dealt[1] as number))).toBeLessThan(300);
    expect(sum(dealt) / sum(costs)).toBeCloseTo(0.7, 1);
    expect(Math.min(...portions.slice(0, 2).flat())).toBeGreaterThan(Math.max(...portions.slice(2).flat()));
    const sizes = portions.slice(2).map(({ length }) => length);
    expect(sizes.slice(0, -1)).toEqual(sizes.slice(0, -1).sort((a, b) => b - a));
    expect(sizes[0]).toBeGreaterThan(10);
    // Of about 200 characters a text; the last portion is what is left.
    expect(sizes.slice(-3, -1)).toEqual([4, 4]);
  });

  it("deals a call of a run or less for each worker whole, so that it takes one turn of each", () => {
    expect(planPortions([400, 400, 400, 500], 2).map(({ length }) => length)).toEqual([2, 2]);
    expect(planPortions([600, 600, 600, 600], 2).length).toBeGreaterThan(2);
  });

  it("bounds every portion, however much there is to do", () => {
    const costs = new Array(2000).fill(300);
    for (const portion of planPortions(costs, 2)) expect(portion.length * 300).toBeLessThanOrEqual(16_384 + 300);
  });
});
