import { afterAll, describe, expect, it } from "vitest";
import { fixtureClassifier, type GoldenPairs, readFixture } from "./fixture-models.suite.ts";

/** fp32 in another runtime: same sums in another order. */
const TOLERANCE = 1e-4;

const models = [
  { name: "tiny-bert-cross-encoder", score: ([only]: readonly number[]) => only as number },
  { name: "tiny-xlm-roberta-cross-encoder", score: ([only]: readonly number[]) => only as number },
  {
    name: "tiny-bert-two-labels",
    score: ([irrelevant, relevant]: readonly number[]) => (relevant as number) - (irrelevant as number),
  },
  {
    name: "tiny-bert-three-labels",
    relevantLabel: "entailment",
    score: ([contradiction, entailment, neutral]: readonly number[]) =>
      (entailment as number) - Math.log(Math.exp(contradiction as number) + Math.exp(neutral as number)),
  },
];

describe.each(models)("$name scores as sentence-transformers does", ({ name, relevantLabel, score }) => {
  const { pairs } = readFixture<GoldenPairs>(`${name}/golden.json`);
  const classifier = fixtureClassifier(name, { relevantLabel });
  const expected = pairs.map(({ logits }) => score(logits));
  const queries = [...new Set(pairs.map(({ query }) => query))];
  afterAll(() => classifier.close());

  it("alone, also where a side is cut, empty, or not Latin", async () => {
    for (const [index, { query, document }] of pairs.entries()) {
      const { logits } = await classifier.score(query, [document]);
      expect(logits[0], `pair ${index}`).toBeCloseTo(expected[index] as number, 4);
    }
  });

  it("in one padded batch, in any order", async () => {
    // Each query meets every document, so that golden pairs are scored among neighbours of other lengths.
    const documents = pairs.map(({ document }) => document);
    for (const query of queries) {
      const forwards = await classifier.score(query, documents);
      const backwards = await classifier.score(query, documents.toReversed());
      for (const [index, pair] of pairs.entries()) {
        const logit = forwards.logits[index] as number;
        expect(Math.abs(logit - (backwards.logits.at(-1 - index) as number))).toBeLessThan(TOLERANCE);
        if (pair.query === query) expect(Math.abs(logit - (expected[index] as number))).toBeLessThan(TOLERANCE);
      }
    }
  });

  it("tells what was cut and what it read", async () => {
    for (const { query, document, inputIds, removed } of pairs) {
      const { truncated, tokens } = await classifier.score(query, [document]);
      expect(tokens).toBe(inputIds.length);
      const cut = { index: 0, documentTokens: removed.document, queryTokens: removed.query };
      expect(truncated).toEqual(removed.query + removed.document > 0 ? [cut] : []);
    }
  });
});

describe("an int8 model", () => {
  const { pairs } = readFixture<GoldenPairs>("tiny-bert-cross-encoder/golden.json");
  const classifier = fixtureClassifier("tiny-bert-cross-encoder", { dtype: "int8" });
  afterAll(() => classifier.close());

  it("gives a pair the same score whatever else is in the call", async () => {
    const documents = pairs.map(({ document }) => document);
    const together = await classifier.score("How many people live in Berlin?", documents);
    for (const [index, document] of documents.entries()) {
      const alone = await classifier.score("How many people live in Berlin?", [document]);
      expect(alone.logits[0]).toBe(together.logits[index]);
    }
  });
});
