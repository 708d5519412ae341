import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseHead, scoreOf } from "./classification-head.ts";

describe("chooseHead", () => {
  it("takes the only label, and the second of two", () => {
    expect(chooseHead(["LABEL_0"], undefined)).toEqual({ labelCount: 1, relevant: 0 });
    expect(chooseHead(["no", "yes"], undefined)).toEqual({ labelCount: 2, relevant: 1 });
  });

  it("takes the label that is named, in any case", () => {
    expect(chooseHead(["yes", "no"], "yes")).toEqual({ labelCount: 2, relevant: 0 });
    expect(chooseHead(["CONTRADICTION", "ENTAILMENT", "NEUTRAL"], "entailment")).toEqual({
      labelCount: 3,
      relevant: 1,
    });
  });

  it("refuses more labels than it can choose from, and names them", () => {
    expect(() => chooseHead(["a", "b", "c"], undefined)).toThrow(/"a", "b", "c".*`relevantLabel`/);
    expect(() => chooseHead([], undefined)).toThrow(expect.objectContaining({ code: "model_invalid" }));
    expect(() => chooseHead(["a", "b"], "c")).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });
});

describe("scoreOf", () => {
  const logit = fc.double({ min: -50, max: 50, noNaN: true });

  it("is the logit, or the difference of two", () => {
    expect(scoreOf([1.5], { labelCount: 1, relevant: 0 })).toBe(1.5);
    expect(scoreOf([1, 3.5], { labelCount: 2, relevant: 1 })).toBe(2.5);
    expect(scoreOf([1, 3.5], { labelCount: 2, relevant: 0 })).toBe(-2.5);
  });

  it("is the log-odds of the label's softmax probability", () => {
    fc.assert(
      fc.property(logit, logit, logit, (a, b, c) => {
        const others = Math.exp(a) + Math.exp(c);
        expect(scoreOf([a, b, c], { labelCount: 3, relevant: 1 })).toBeCloseTo(b - Math.log(others), 6);
      }),
    );
  });

  it("does not overflow", () => {
    expect(scoreOf([1000, 2000, 3000], { labelCount: 3, relevant: 1 })).toBe(-1000);
  });
});
