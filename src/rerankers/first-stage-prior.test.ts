import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { combineWithFirstStage } from "./first-stage-prior.ts";
import { sigmoid } from "./score-scale.ts";

const reranked = (logits: Record<string, number>) =>
  Object.entries(logits).map(([id, rawScore]) => ({ id, rawScore, score: sigmoid(rawScore) }));
const idsOf = (combined: ReturnType<typeof combineWithFirstStage>) => combined.map(({ document }) => document.id);

describe("combineWithFirstStage", () => {
  const ranks = new Map([
    ["first", 1],
    ["third", 3],
    ["tenth", 10],
  ]);

  it("divides a document's odds by its rank to the power of the weight", () => {
    const combined = combineWithFirstStage(reranked({ tenth: 2, third: 1, first: 0.5 }), 0.67, ranks);
    expect(idsOf(combined)).toEqual(["first", "tenth", "third"]);
    expect(combined.map(({ position }) => position)).toEqual([2, 0, 1]);
    const odds = combined.map(({ score }) => score / (1 - score));
    expect(odds[0]).toBeCloseTo(Math.exp(0.5), 12);
    expect(odds[1]).toBeCloseTo(Math.exp(2) / 10 ** 0.67, 12);
    expect(odds[2]).toBeCloseTo(Math.exp(1) / 3 ** 0.67, 12);
  });

  it("takes scores that are on 0..1 already, certain ones too, by their odds", () => {
    const unit = (scores: Record<string, number>) =>
      Object.entries(scores).map(([id, score]) => ({ id, score, rawScore: score }));
    expect(idsOf(combineWithFirstStage(unit({ tenth: 0.9, first: 0.6 }), 1, ranks))).toEqual(["first", "tenth"]);
    expect(idsOf(combineWithFirstStage(unit({ tenth: 0.95, first: 0.6 }), 1, ranks))).toEqual(["tenth", "first"]);
    const certain = combineWithFirstStage(unit({ tenth: 1, third: 1, first: 0 }), 1, ranks);
    expect(idsOf(certain)).toEqual(["third", "tenth", "first"]);
    expect(certain.every(({ score }) => score > 0 && score < 1)).toBe(true);
  });

  it("takes a cosine's score, and not the cosine for a logit", () => {
    const cosine = { id: "tenth", rawScore: 0.9, score: 0.95 };
    const [combined] = combineWithFirstStage([cosine], 1, ranks);
    const odds = (combined?.score ?? Number.NaN) / (1 - (combined?.score ?? Number.NaN));
    expect(odds).toBeCloseTo(19 / 10, 12);
  });

  it("keeps the digits of logits whose scores are all 1", () => {
    // 0.67 × ln(10) is 1.54.
    expect(idsOf(combineWithFirstStage(reranked({ tenth: 45, first: 43.5 }), 0.67, ranks))).toEqual(["first", "tenth"]);
    expect(idsOf(combineWithFirstStage(reranked({ tenth: 45, first: 43.4 }), 0.67, ranks))).toEqual(["tenth", "first"]);
  });

  it("keeps the order of equal documents and, without weight, any order, and never raises a score", () => {
    const logits = fc.array(fc.integer({ min: -40, max: 40 }), { maxLength: 20 });
    fc.assert(
      fc.property(logits, fc.double({ min: 0, max: 10, noNaN: true }), (given, weight) => {
        const sorted = given.toSorted((a, b) => b - a).map((rawScore, index) => ({ id: `${index}`, rawScore }));
        const documents = sorted.map((document) => ({ ...document, score: sigmoid(document.rawScore) }));
        expect(idsOf(combineWithFirstStage(documents, 0, ranks))).toEqual(documents.map(({ id }) => id));
        const inOrder = new Map(documents.map(({ id }, index) => [id, index + 1]));
        const combined = combineWithFirstStage(documents, weight, inOrder);
        expect(idsOf(combined)).toEqual(documents.map(({ id }) => id));
        expect(combined.every(({ document, score }) => score <= document.score)).toBe(true);
      }),
    );
  });

  it("works without raw scores, as another's reranker may answer, and refuses what is no number", () => {
    const documents = [
      { id: "tenth", score: 0.9 },
      { id: "first", score: 0.8 },
    ];
    expect(idsOf(combineWithFirstStage(documents, 1, ranks))).toEqual(["first", "tenth"]);
    const broken = [{ id: "first", score: Number.NaN, rawScore: Number.NaN }];
    expect(() => combineWithFirstStage(broken, 1, ranks)).toThrow(/not a finite number/);
  });
});
