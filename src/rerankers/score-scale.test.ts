import { describe, expect, it } from "vitest";
import { sigmoid, toUnitScore } from "./score-scale.ts";

describe("sigmoid", () => {
  it.each([
    [0, 0.5],
    [1, 0.7310585786300049],
    [-1, 0.2689414213699951],
    [-745, 5e-324],
    [800, 1],
    [-800, 0],
  ])("of %d is %d", (logit, expected) => {
    expect(sigmoid(logit)).toBeCloseTo(expected, 15);
  });
});

describe("toUnitScore", () => {
  it("applies the logistic function to logits only", () => {
    expect(toUnitScore(0, "logit")).toBe(0.5);
    expect(toUnitScore(0.3, "unit")).toBe(0.3);
  });

  it("halves what is above the least cosine, roundings past the ends cut off", () => {
    expect([-1.00001, -1, -0.5, 0, 1, 1.00001].map((cosine) => toUnitScore(cosine, "cosine"))).toEqual([
      0, 0, 0.25, 0.5, 1, 1,
    ]);
  });
});
