import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { readModelConfig } from "./model-config.ts";
import type { LocatedModel } from "./model-files/locate-model.ts";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function modelWith(files: Readonly<Record<string, unknown>>): Promise<LocatedModel> {
  const folder = await mkdtemp(path.join(tmpdir(), "pgvectordb-config-"));
  folders.push(folder);
  for (const [name, value] of Object.entries(files)) await writeFile(path.join(folder, name), JSON.stringify(value));
  return { id: "m", origin: "folder", files: Object.keys(files), fetch: async (file) => path.join(folder, file) };
}

async function maxTokens(config: object, tokenizer: object = {}, sentence: object = {}): Promise<number> {
  const files = { "config.json": config, "tokenizer_config.json": tokenizer, "sentence_bert_config.json": sentence };
  return (await readModelConfig(await modelWith(files))).maxTokens;
}

describe("readModelConfig", () => {
  it("takes the smallest limit that anything states", async () => {
    const bert = { model_type: "bert", max_position_embeddings: 512 };
    expect(await maxTokens(bert)).toBe(512);
    expect(await maxTokens(bert, { model_max_length: 256 })).toBe(256);
    expect(await maxTokens(bert, { model_max_length: 512 }, { max_seq_length: 128 })).toBe(128);
    expect(await maxTokens(bert, { model_max_length: 1e30 })).toBe(512);
    expect(await maxTokens({ model_type: "deberta-v2", max_position_embeddings: -1 })).toBe(Number.POSITIVE_INFINITY);
  });

  it("leaves out the positions RoBERTa never uses", async () => {
    for (const model_type of ["roberta", "xlm-roberta", "camembert", "mpnet"]) {
      expect(await maxTokens({ model_type, max_position_embeddings: 514, pad_token_id: 1 })).toBe(512);
    }
    expect(await maxTokens({ model_type: "xlm-roberta", max_position_embeddings: 8194 })).toBe(8192);
  });

  it("reads labels in the order of their numbers, and the padding token in both spellings", async () => {
    const id2label = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [String(10 - i), `L${10 - i}`]));
    const model = await modelWith({
      "config.json": { id2label, pad_token_id: 7 },
      "tokenizer_config.json": { pad_token: { content: "<pad>" }, truncation_side: "left" },
    });
    const config = await readModelConfig(model);
    expect(config.labels).toEqual(Array.from({ length: 11 }, (_, i) => `L${i}`));
    expect(config).toMatchObject({ padTokenId: 7, padToken: "<pad>", truncationSide: "left" });
  });
});
