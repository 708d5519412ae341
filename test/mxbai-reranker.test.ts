import { cp } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtureModel } from "../src/inference/fixture-models.suite.ts";
import { loadInputEncoder } from "../src/inference/inputs/load-input-encoder.ts";
import { prepareForTask } from "../src/inference/model-task.ts";
import type { CrossEncoderRerankerOptions } from "../src/rerankers/index.ts";
import { PromptedFixture, type PromptedPair } from "./prompted-reranker.suite.ts";

const NAME = "tiny-mxbai-rerank-v2";
/** With what the authors' package gives: test/fixtures/make-mxbai-reranker.py. */
const fixture = new PromptedFixture<PromptedPair & { readonly score: number }>(NAME, ({ score }) => score);
const { golden, plain } = fixture;

const difference = async (options: CrossEncoderRerankerOptions, pairs = plain) =>
  Math.max(...(await fixture.differences(options, pairs)));

describe.each(golden.runs)("mxbai-rerank-v2 with instruction $instruction", ({ instruction, pairs }) => {
  const options = instruction === null ? {} : { instruction };

  test("reads the package's tokens", async () => {
    const model = await prepareForTask({ model: fixtureModel(NAME), dtype: "fp32", cacheDir: fixture.cacheDir });
    const prompt = { name: "mxbai-rerank-v2", instruction: instruction ?? undefined } as const;
    const { encoder } = await loadInputEncoder({ ...model, maxTokens: golden.maxLength, prompt });
    for (const { query, document, inputIds } of pairs) {
      const { ids } = await (await encoder.forQuery(query))(document);
      expect([...ids], query).toEqual(inputIds);
    }
  });

  test("gives the package's scores, alone", async () => {
    expect(await difference(options, pairs)).toBeLessThan(1e-4);
  });

  test("and among others, in any order, with several workers", async () => {
    const differences = await fixture.differencesAmongOthers({ ...options, workers: 2 }, pairs);
    expect(Math.max(...differences)).toBeLessThan(1e-4);
  });
});

test("tells what is cut: the document, and of a query what is above three quarters of the room", async () => {
  await using reranker = fixture.make();
  const long = plain.filter(({ query }) => query.startsWith("a query that fills"));
  const { truncated } = await reranker.rerankDetailed(
    long[0]?.query ?? "",
    long.map(({ document }) => document),
  );
  expect(truncated).toEqual([
    { index: 0, documentTokens: expect.any(Number), queryTokens: expect.any(Number) },
    { index: 1, documentTokens: 0, queryTokens: expect.any(Number) },
  ]);
  expect(truncated.map(({ queryTokens }) => queryTokens > 0)).toEqual([true, true]);
  expect(truncated[0]?.documentTokens).toBeGreaterThan(0);
});

test("int8 is compiled from the same files and close", async () => {
  // A random network of width 24, in which nothing is redundant: scores are up to 6.
  expect(await difference({ dtype: "int8" })).toBeLessThan(2.5);
});

test("its conversion to a classifier of two labels gives the same scores", async () => {
  expect(await difference({ model: fixtureModel(`${NAME}-seq`) })).toBeLessThan(1e-4);
});

test("a language model of the same architecture needs to be told its prompt", async () => {
  const model = join(fixture.temporary, "another");
  await cp(fixtureModel(NAME), model, { recursive: true });
  await using unknown = fixture.make({ model });
  await expect(unknown.load()).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringMatching(/nothing in its files says to which.*"mxbai-rerank-v2"/),
  });
  expect(await difference({ model, prompt: "mxbai-rerank-v2" })).toBeLessThan(1e-4);
});
