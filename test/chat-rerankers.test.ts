import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixtureModel, readFixture } from "../src/inference/fixture-models.suite.ts";
import { loadInputEncoder } from "../src/inference/inputs/load-input-encoder.ts";
import { prepareForTask } from "../src/inference/model-task.ts";
import { CrossEncoderReranker, type CrossEncoderRerankerOptions } from "../src/rerankers/index.ts";

/** What sentence-transformers' CrossEncoder gives: test/fixtures/make-chat-rerankers.py. */
interface Golden {
  readonly base: string;
  readonly maxLength: number;
  readonly runs: readonly {
    readonly instruction: string | null;
    readonly pairs: readonly {
      readonly query: string;
      readonly document: string;
      readonly inputIds: readonly number[];
      readonly score: number;
    }[];
  }[];
}

const NAMES = ["qwen", "default-prompt", "one-answer", "parts", "document-first", "classifier"];

let temporary: string;
let cacheDir: string;
const goldens: Record<string, Golden> = {};
const folderOf = (name: string) => join(temporary, name);
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "chat-"));
  cacheDir = join(temporary, "cache");
  for (const name of NAMES) goldens[name] = await assemble(name, name);
});
afterAll(() => rm(temporary, { recursive: true, force: true }));

/** The files that were saved, with the weights and the tokenizer of their base. */
async function assemble(name: string, folder: string, files: Readonly<Record<string, string>> = {}): Promise<Golden> {
  const golden = readFixture<Golden>(`tiny-chat-rerankers/${name}/golden.json`);
  const target = folderOf(folder);
  await cp(fixtureModel(golden.base), target, { recursive: true });
  await cp(fixtureModel(`tiny-chat-rerankers/${name}`), target, { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(join(target, file), text);
  return golden;
}

function make(name: string, options: CrossEncoderRerankerOptions = {}): CrossEncoderReranker {
  const model = folderOf(name);
  return new CrossEncoderReranker({ model, cacheDir, workers: 1, selfCheck: false, ...options });
}

describe.each(NAMES)("a repository of sentence-transformers: %s", (name) => {
  const { runs, maxLength } = readFixture<Golden>(`tiny-chat-rerankers/${name}/golden.json`);

  test("reads CrossEncoder's tokens", async () => {
    const model = await prepareForTask({ model: folderOf(name), dtype: "fp32", cacheDir });
    expect(model.maxTokens).toBe(maxLength);
    const { pairs } = await loadInputEncoder(model);
    for (const { query, document, inputIds } of runs[0]?.pairs ?? []) {
      const { ids } = await (await pairs.forQuery(query))(document);
      expect([...ids], query).toEqual(inputIds);
    }
  });

  test("gives CrossEncoder's scores, alone and among others", async () => {
    for (const { instruction, pairs } of runs) {
      await using reranker = make(name, { workers: 2, ...(instruction === null ? {} : { instruction }) });
      for (const query of new Set(pairs.map((pair) => pair.query))) {
        const asked = pairs.filter((pair) => pair.query === query).reverse();
        const others = Array.from({ length: 3 }, (_, i) => `another document ${"and more ".repeat(i)}`);
        const ranked = await reranker.rerank(query, [...asked.map(({ document }) => document), ...others]);
        for (const [index, { document, score }] of asked.entries()) {
          const found = ranked.find((each) => each.index === index);
          expect(Math.abs((found?.rawScore ?? Number.NaN) - score), query).toBeLessThan(1e-4);
          const [alone] = await reranker.rerank(query, [document]);
          expect(Math.abs((alone?.rawScore ?? Number.NaN) - score), query).toBeLessThan(1e-4);
        }
      }
    }
  });
});

describe("a prompt that is too long", () => {
  const long = "Red buttons. ".repeat(200);

  test.each(NAMES)("keeps all of %s but the document's end, and tells what is cut", async (name) => {
    const model = await prepareForTask({ model: folderOf(name), dtype: "fp32", cacheDir });
    const { pairs } = await loadInputEncoder({ ...model, maxTokens: 200 });
    const encode = await pairs.forQuery("reset the device");
    const [short, cut] = [await encode("."), await encode(long)];
    const common = (one: number[], other: number[]) => one.findIndex((id, index) => id !== other[index]);
    const around = common([...short.ids], [...cut.ids]) + common([...short.ids].reverse(), [...cut.ids].reverse());
    expect(around).toBeGreaterThanOrEqual(short.ids.length - 2);
    expect(cut.ids).toHaveLength(200);
    expect(short.removed).toEqual({ query: 0, document: 0 });
    expect(cut.removed.query).toBe(0);
    expect(cut.removed.document).toBeGreaterThan(100);
  });

  test("loses the end of a query that fills it alone, unless the query comes last", async () => {
    await using reranker = make("qwen");
    const { truncated } = await reranker.rerankDetailed(long, ["a document"]);
    expect(truncated).toEqual([{ index: 0, documentTokens: expect.any(Number), queryTokens: expect.any(Number) }]);
    expect(truncated[0]?.queryTokens).toBeGreaterThan(100);
    await using last = make("document-first");
    await expect(last.rerank(long, ["a document"])).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/query leaves no room/),
    });
  });

  test("is split into windows that fit", async () => {
    for (const name of NAMES) {
      await using reranker = make(name, { longDocuments: "split" });
      const { spans, truncated } = await reranker.rerankDetailed("reset the device", [`${long}The end.`, "short"]);
      expect(spans, name).toHaveLength(1);
      expect(truncated, name).toEqual([]);
    }
  });

  test("leaves no room at all", async () => {
    await using reranker = make("qwen", { maxLength: 60 });
    await expect(reranker.load()).rejects.toMatchObject({ code: "invalid_argument", message: /leaves no room/ });
  });
});

test("int8 is close", async () => {
  await using reranker = make("one-answer", { dtype: "int8" });
  for (const { query, document, score } of goldens["one-answer"]?.runs[0]?.pairs ?? []) {
    const [best] = await reranker.rerank(query, [document]);
    // A random network of width 24, in which nothing is redundant.
    expect(Math.abs((best?.rawScore ?? Number.NaN) - score)).toBeLessThan(2.5);
  }
});

test("a named prompt wins over the repository's", async () => {
  const [pair] = goldens["one-answer"]?.runs[0]?.pairs ?? [];
  await using reranker = make("one-answer", { prompt: "qwen3-reranker" });
  await using known = new CrossEncoderReranker({
    model: fixtureModel("tiny-qwen3-reranker"),
    cacheDir,
    maxLength: 240,
    selfCheck: false,
  });
  const [one] = await reranker.rerank(pair?.query ?? "", [pair?.document ?? ""]);
  const [other] = await known.rerank(pair?.query ?? "", [pair?.document ?? ""]);
  expect(one?.rawScore).toBeCloseTo(other?.rawScore ?? Number.NaN, 4);
});

describe("what cannot be done is refused", () => {
  test.each<[string, string, Readonly<Record<string, string>>, CrossEncoderRerankerOptions, RegExp]>([
    ["an instruction without a place", "one-answer", {}, { instruction: "Find it" }, /no place for an `instruction`/],
    [
      "a document that is cut by the template",
      "qwen",
      { "chat_template.jinja": "{{ messages[0].content }} {{ messages[1].content[:99] }}" },
      {},
      /changes the texts/,
    ],
    [
      "a template without pairs",
      "qwen",
      {
        "chat_template.jinja": "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}",
      },
      {},
      /holds the document 0 times.*`prompt`/,
    ],
    ["no template", "qwen", { "sentence_bert_config.json": "{}" }, {}, /no chat template/],
    [
      "other modules",
      "qwen",
      {
        "modules.json":
          '[{"type":"a.Transformer","path":""},{"type":"a.LogitScore","path":"1_LogitScore"},{"type":"a.Dense","path":"2"}]',
      },
      {},
      /has the modules Transformer, LogitScore, Dense/,
    ],
    ["no token", "qwen", { "1_LogitScore/config.json": '{"true_token_id":"yes"}' }, {}, /no token ids in 1_LogitScore/],
    [
      "a token that is none",
      "qwen",
      { "1_LogitScore/config.json": '{"true_token_id":99999}' },
      {},
      /`answerTokens` must be ids below/,
    ],
  ])("%s", async (title, name, files, options, message) => {
    await assemble(name, title, files);
    await using reranker = make(title, options);
    await expect(reranker.load()).rejects.toMatchObject({ message: expect.stringMatching(message) });
  });
});
