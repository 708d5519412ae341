import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LocatedModel } from "../model-files/locate-model.ts";
import { readSentencePrompts } from "./sentence-prompts.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sentence-prompts-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const FILE = "config_sentence_transformers.json";
const located = (files: readonly string[]): LocatedModel => ({
  id: "org/name",
  origin: "folder",
  files,
  fetch: async (file) => join(folder, file),
});

async function read(config: unknown) {
  await writeFile(join(folder, FILE), JSON.stringify(config));
  return readSentencePrompts(located([FILE]));
}

// What encode_query and encode_document of sentence-transformers 6.2 put before a text.
test.each([
  [{}, "", ""],
  [{ prompts: {} }, "", ""],
  [{ prompts: { query: "q: ", passage: "p: " } }, "q: ", "p: "],
  [{ prompts: { query: "q: ", passage: "p: ", document: "" } }, "q: ", ""],
  [{ prompts: { corpus: "c: ", clustering: "x: " } }, "", "c: "],
  [{ prompts: { query: "q: ", all: "a: " }, default_prompt_name: "all" }, "q: ", "a: "],
  [{ prompts: { query: null }, default_prompt_name: null }, "", ""],
])("%j", async (config, query, document) => {
  expect(await read(config)).toEqual({ query, document });
});

test("a repository without the file has no prompts", async () => {
  expect(await readSentencePrompts(located([]))).toEqual({ query: "", document: "" });
});

test.each([{ prompts: "query: " }, { prompts: { query: 1 } }])("refuses %j", async (config) => {
  await expect(read(config)).rejects.toMatchObject({ code: "model_invalid", message: /`prompts`/ });
});
