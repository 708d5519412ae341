import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { LocatedModel } from "../model-files/locate-model.ts";
import { readModelConfig } from "./model-config.ts";

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

async function maxTokens(config: object, tokenizer: object = {}, more: Record<string, unknown> = {}): Promise<number> {
  const files = { "config.json": config, "tokenizer_config.json": tokenizer, ...more };
  return (await readModelConfig(await modelWith(files))).maxTokens;
}

async function labelsOf(config: object): Promise<readonly string[]> {
  return (await readModelConfig(await modelWith({ "config.json": config }))).labels;
}

describe("readModelConfig", () => {
  it("takes the smallest limit that anything states", async () => {
    const bert = { model_type: "bert", max_position_embeddings: 512 };
    expect(await maxTokens(bert)).toBe(512);
    expect(await maxTokens(bert, { model_max_length: 256 })).toBe(256);
    expect(await maxTokens(bert, { model_max_length: 1e30 })).toBe(512);
    expect(await maxTokens({ model_type: "deberta-v2", max_position_embeddings: -1 })).toBe(Number.POSITIVE_INFINITY);
  });

  it("takes the limit that sentence-transformers saved for the tokenizer's, where it reads it", async () => {
    const bert = { model_type: "bert", max_position_embeddings: 512 };
    const modules = { "modules.json": [] };
    const saved = (max_seq_length: unknown) => ({ ...modules, "sentence_bert_config.json": { max_seq_length } });
    expect(await maxTokens(bert, { model_max_length: 512 }, saved(128))).toBe(128);
    expect(await maxTokens(bert, { model_max_length: 128 }, saved(256))).toBe(256);
    expect(await maxTokens(bert, { model_max_length: 256 }, saved(1024))).toBe(512);
    expect(await maxTokens(bert, { model_max_length: 256 }, saved(null))).toBe(256);
    const older = { ...modules, "sentence_roberta_config.json": { max_seq_length: 128 } };
    expect(await maxTokens(bert, { model_max_length: 512 }, older)).toBe(128);
    expect(await maxTokens(bert, {}, { "sentence_bert_config.json": { max_seq_length: 128 } })).toBe(512);
  });

  it("leaves out the positions RoBERTa never uses", async () => {
    for (const model_type of ["roberta", "xlm-roberta", "camembert", "mpnet"]) {
      expect(await maxTokens({ model_type, max_position_embeddings: 514, pad_token_id: 1 })).toBe(512);
    }
    expect(await maxTokens({ model_type: "xlm-roberta", max_position_embeddings: 8194 })).toBe(8192);
  });

  it("says what an adapter needs", async () => {
    const adapter = await modelWith({ "adapter_config.json": {} });
    await expect(readModelConfig(adapter)).rejects.toMatchObject({
      code: "model_invalid",
      message: expect.stringMatching(/no config\.json.*adapter.*merge_and_unload/),
    });
  });

  it("numbers labels that have no names as transformers does", async () => {
    const architectures = ["BertForSequenceClassification"];
    expect(await labelsOf({ architectures })).toEqual(["LABEL_0", "LABEL_1"]);
    expect(await labelsOf({ architectures, id2label: {} })).toEqual(["LABEL_0", "LABEL_1"]);
    expect(await labelsOf({ architectures, num_labels: 1 })).toEqual(["LABEL_0"]);
    expect(await labelsOf({ architectures, num_labels: 3, id2label: { 0: "yes" } })).toEqual(["yes"]);
    expect(await labelsOf({ architectures: ["BertModel"] })).toEqual(["LABEL_0"]);
    expect(await labelsOf({})).toEqual(["LABEL_0"]);
    expect(await labelsOf({ num_labels: 2 ** 40 })).toHaveLength(1000);
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
