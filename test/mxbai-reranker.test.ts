import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixtureModel, readFixture } from "../src/inference/fixture-models.suite.ts";
import { loadInputEncoder } from "../src/inference/inputs/load-input-encoder.ts";
import { prepareForTask } from "../src/inference/model-task.ts";
import { CrossEncoderReranker, type CrossEncoderRerankerOptions } from "../src/rerankers/index.ts";

/** What the authors' package gives: test/fixtures/make-mxbai-reranker.py. */
interface Golden {
  readonly maxLength: number;
  readonly runs: readonly {
    readonly instruction: string | null;
    readonly pairs: readonly {
      readonly query: string;
      readonly document: string;
      readonly inputIds: readonly number[];
      readonly logits: readonly [no: number, yes: number];
      readonly score: number;
    }[];
  }[];
}

const NAME = "tiny-mxbai-rerank-v2";
const golden = readFixture<Golden>(`${NAME}/golden.json`);
const plain = golden.runs[0]?.pairs ?? [];

let temporary: string;
let cacheDir: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "mxbai-"));
  cacheDir = join(temporary, "cache");
});
afterAll(() => rm(temporary, { recursive: true, force: true }));

function make(options: CrossEncoderRerankerOptions = {}): CrossEncoderReranker {
  return new CrossEncoderReranker({
    model: fixtureModel(NAME),
    cacheDir,
    maxLength: golden.maxLength,
    workers: 1,
    selfCheck: false,
    ...options,
  });
}

/** The largest difference of scores, each pair by itself. */
async function difference(options: CrossEncoderRerankerOptions, pairs = plain): Promise<number> {
  await using reranker = make(options);
  const differences = pairs.map(async ({ query, document, score }) => {
    const [best] = await reranker.rerank(query, [document]);
    return Math.abs((best?.rawScore ?? Number.NaN) - score);
  });
  return Math.max(...(await Promise.all(differences)));
}

describe.each(golden.runs)("mxbai-rerank-v2 with instruction $instruction", ({ instruction, pairs }) => {
  const options = instruction === null ? {} : { instruction };

  test("reads the package's tokens", async () => {
    const model = await prepareForTask({ model: fixtureModel(NAME), dtype: "fp32", cacheDir });
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
    await using reranker = make({ ...options, workers: 2 });
    for (const query of new Set(pairs.map((pair) => pair.query))) {
      const asked = pairs.filter((pair) => pair.query === query).reverse();
      const others = Array.from({ length: 5 }, (_, i) => `another document ${"and more ".repeat(i)}`);
      const ranked = await reranker.rerank(query, [...asked.map(({ document }) => document), ...others]);
      for (const [index, { score }] of asked.entries()) {
        const found = ranked.find((document) => document.index === index);
        expect(Math.abs((found?.rawScore ?? Number.NaN) - score)).toBeLessThan(1e-4);
      }
    }
  });
});

test("tells what is cut: the document, and of a query what is above three quarters of the room", async () => {
  await using reranker = make();
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
  const model = join(temporary, "another");
  await cp(fixtureModel(NAME), model, { recursive: true });
  await using unknown = make({ model });
  await expect(unknown.load()).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringMatching(/nothing in its files says to which.*"mxbai-rerank-v2"/),
  });
  expect(await difference({ model, prompt: "mxbai-rerank-v2" })).toBeLessThan(1e-4);
});
