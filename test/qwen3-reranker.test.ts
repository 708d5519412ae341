import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtureModel } from "../src/inference/fixture-models.suite.ts";
import type { CrossEncoderRerankerOptions } from "../src/rerankers/index.ts";
import { PromptedFixture } from "./prompted-reranker.suite.ts";

const NAME = "tiny-qwen3-reranker";
const answer = ([no, yes]: readonly [number, number]) => yes - no;
/** With what the recipe of the model card gives: test/fixtures/make-qwen3-reranker.py. */
const fixture = new PromptedFixture(NAME, ({ logits }) => answer(logits));
const { golden, plain } = fixture;

describe.each(golden.runs)("Qwen3-Reranker with instruction $instruction", ({ instruction, pairs }) => {
  const options = instruction === null ? {} : { instruction };

  test("gives the model card's scores, alone", async () => {
    await using reranker = fixture.make(options);
    for (const { query, document, logits, inputIds } of pairs) {
      const { documents, usage } = await reranker.rerankDetailed(query, [document]);
      expect(Math.abs((documents[0]?.rawScore ?? Number.NaN) - answer(logits)), query).toBeLessThan(1e-4);
      expect(usage.tokens).toBe(inputIds.length);
    }
  });

  test("and among others, in any order, with several workers", async () => {
    const differences = await fixture.differencesAmongOthers({ ...options, workers: 2 }, pairs);
    expect(Math.max(...differences)).toBeLessThan(1e-4);
  });
});

test("only the document is cut, and told", async () => {
  await using reranker = fixture.make();
  const cut = plain.find(({ query, document }) => query === "reset the device" && document.length > 500);
  const { truncated, usage } = await reranker.rerankDetailed(cut?.query ?? "", ["short", cut?.document ?? ""]);
  expect(truncated).toEqual([{ index: 1, documentTokens: expect.any(Number), queryTokens: 0 }]);
  expect(usage.truncatedTokens).toBe(truncated[0]?.documentTokens);
});

test("int8 is compiled from the same files and close", async () => {
  // A random network of width 24, in which nothing is redundant: logits are up to 8.
  expect(Math.max(...(await fixture.differences({ dtype: "int8" })))).toBeLessThan(2.5);
});

/** A classifier made of the language model, in a folder of any name. */
async function conversion(name: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = join(fixture.temporary, name);
  await cp(fixtureModel(`${NAME}-seq-cls`), folder, { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
  return folder;
}

describe("its conversion to a classifier", () => {
  test("gives the same scores, recognised by its name", async () => {
    expect(Math.max(...(await fixture.differences({ model: fixtureModel(`${NAME}-seq-cls`) })))).toBeLessThan(1e-4);
  });

  test("or by its chat template, or when told", async () => {
    const template = "{{ 'Judge whether the Document meets the requirements' }}";
    const model = await conversion("by-template", { "chat_template.jinja": template });
    expect(Math.max(...(await fixture.differences({ model })))).toBeLessThan(1e-4);
    const unknown = await conversion("unknown");
    expect(Math.max(...(await fixture.differences({ model: unknown, prompt: "qwen3-reranker" })))).toBeLessThan(1e-4);
  });

  test("but reads bare pairs when nothing says what it is", async () => {
    expect(Math.min(...(await fixture.differences({ model: await conversion("bare") })))).toBeGreaterThan(1e-3);
  });
});

describe("what does not fit is refused", () => {
  test.each<[string, CrossEncoderRerankerOptions, string, RegExp]>([
    ["no prompt", { prompt: "none" }, "invalid_argument", /`prompt` must not be "none"/],
    ["longest first", { truncation: "longest_first" }, "invalid_argument", /`truncation` must be "only_second"/],
    ["no room", { maxLength: 40 }, "invalid_argument", /`maxLength` leaves no room/],
    [
      "an instruction for a model without one",
      { model: fixtureModel("tiny-bert-cross-encoder"), instruction: "Find it" },
      "invalid_argument",
      /no place for an `instruction`/,
    ],
  ])("%s", async (_, options, code, message) => {
    await using reranker = fixture.make(options);
    await expect(reranker.load()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("an embedding model of the same architecture", async () => {
    const model = join(fixture.temporary, "embedding");
    await cp(fixtureModel(NAME), model, { recursive: true });
    await cp(fixtureModel("tiny-sentence-encoder/1_Pooling"), join(model, "1_Pooling"), { recursive: true });
    await using reranker = fixture.make({ model });
    await expect(reranker.load()).rejects.toMatchObject({ code: "model_invalid", message: /makes vectors/ });
  });

  test("a tokenizer without the answers, and a language model that has only an ONNX file", async () => {
    const model = join(fixture.temporary, "no-answers");
    await cp(fixtureModel(NAME), model, { recursive: true });
    const tokenizer = JSON.parse(await readFile(join(model, "tokenizer.json"), "utf8"));
    tokenizer.model.merges = tokenizer.model.merges.filter(([a, b]: [string, string]) => `${a}${b}` !== "yes");
    const { yes, ...vocab } = tokenizer.model.vocab;
    tokenizer.model.vocab = { ...vocab, "yes\u0001": yes };
    await writeFile(join(model, "tokenizer.json"), JSON.stringify(tokenizer));
    await using without = fixture.make({ model });
    await expect(without.load()).rejects.toMatchObject({ code: "model_invalid", message: /no tokens "no" and "yes"/ });

    const exported = join(fixture.temporary, "exported");
    await cp(fixtureModel("tiny-bert-cross-encoder"), exported, { recursive: true });
    await cp(fixtureModel(`${NAME}/config.json`), join(exported, "config.json"));
    await using onnx = fixture.make({ model: exported });
    await expect(onnx.load()).rejects.toMatchObject({ code: "model_invalid", message: /compiled checkpoint only/ });
  });
});
