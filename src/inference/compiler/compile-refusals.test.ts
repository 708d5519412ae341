import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PgVectorDBError } from "../../errors.ts";
import type { SafetensorsSource } from "../safetensors/open-safetensors.ts";
import type { SafetensorsTensor } from "../safetensors/safetensors-header.ts";
import { type CompileRequest, compileModel } from "./compile-model.ts";
import { goldenCheckpoint, withWeights } from "./golden-checkpoint.suite.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "refusals-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let attempts = 0;

/** Compiles a fixture after `change`; whatever fails must leave nothing behind. */
async function compileChanged(name: string, change: (request: CompileRequest) => Partial<CompileRequest>) {
  const { config, weightsPath, cases } = goldenCheckpoint(name);
  const target = join(folder, `${name}-${attempts++}`);
  return withWeights(weightsPath, async (weights) => {
    const answerTokens = cases[0]?.answers;
    const request: CompileRequest = { config, weights, dtype: "fp32", output: "logits", answerTokens };
    try {
      return await compileModel({ ...request, ...change(request) }, target);
    } catch (error) {
      expect(await readdir(folder)).not.toContainEqual(expect.stringContaining(`${name}-${attempts - 1}`));
      throw error;
    }
  });
}

function withConfig(name: string, fields: Record<string, unknown>) {
  return compileChanged(name, ({ config }) => ({ config: { ...(config as object), ...fields } }));
}

function withTensors(name: string, change: (tensors: Map<string, SafetensorsTensor>) => void) {
  return compileChanged(name, ({ weights }) => {
    const tensors = new Map(weights.tensors);
    change(tensors);
    return { weights: { ...weights, tensors } satisfies SafetensorsSource };
  });
}

describe("refuses, naming the reason", () => {
  test.each([
    ["bert", { model_type: "gpt_bigcode" }, /`model_type`: "gpt_bigcode".*bert.*xlm-roberta/],
    ["bert", { model_type: "constructor" }, /`model_type`: "constructor"/],
    ["bert", { model_type: 7 }, /needs a text in `model_type`, it has 7/],
    ["bert", { auto_map: { AutoModel: "x--modeling.py" } }, /`auto_map`.*never run/],
    ["bert", { architectures: ["BertForMaskedLM"] }, /BertForMaskedLM.*BertForSequenceClassification/],
    ["bert", { position_embedding_type: "relative_key" }, /`position_embedding_type`: "relative_key"/],
    ["bert", { is_decoder: true }, /`is_decoder`/],
    ["bert", { hidden_act: "gelu_10" }, /`hidden_act`: "gelu_10".*gelu_new/],
    ["bert", { num_attention_heads: 5 }, /`num_attention_heads`: 5.*divide/],
    ["bert", { num_hidden_layers: 0 }, /a positive integer in `num_hidden_layers`, it has 0/],
    ["bert", { num_hidden_layers: 4 }, /no tensor "bert.encoder.layer.3.attention.self.query.weight"/],
    ["bert", { hidden_size: 48 }, /word_embeddings.weight" has shape \[97, 36\], config.json asks for \[97, 48\]/],
    ["bert", { vocab_size: 98 }, /has shape \[97, 36\], config.json asks for \[98, 36\]/],
    ["bert", { layer_norm_eps: "1e-12" }, /a positive number in `layer_norm_eps`, it has "1e-12"/],
    ["deberta-v2", { conv_kernel_size: 3 }, /no tensor "deberta.encoder.conv.conv.weight"/],
    ["deberta-v2-convolution", { conv_kernel_size: 4 }, /`conv_kernel_size`: 4.*odd/],
    ["deberta-v2-convolution", { conv_groups: 5 }, /`conv_groups`: 5.*divide/],
    ["deberta-v2-convolution", { conv_groups: 3 }, /conv.weight" has shape \[36, 18, 3\].*\[36, 12, 3\]/],
    ["deberta-v2", { pos_att_type: ["p2p"] }, /`pos_att_type`: \["p2p"\].*c2p and p2c/],
    ["deberta-v2", { position_buckets: 16 }, /rel_embeddings.weight" has shape/],
    [
      "mpnet-embedder",
      { relative_attention_num_buckets: 64, architectures: [] },
      /`relative_attention_num_buckets`: 64/,
    ],
    ["modernbert", { classifier_pooling: "max" }, /`classifier_pooling`: "max"/],
    ["modernbert", { layer_types: ["full_attention"] }, /`layer_types`/],
    [
      "modernbert",
      { rope_scaling: { type: "yarn" } },
      /`rope_scaling`: {"type":"yarn"}, but no value of it is compiled/,
    ],
    ["modernbert", { rope_parameters: { full_attention: { rope_type: "yarn" } } }, /`rope_type`: "yarn"/],
    ["qwen2", { use_sliding_window: true }, /`use_sliding_window`: true/],
    ["qwen2", { layer_types: ["sliding_attention"] }, /`layer_types`/],
    ["qwen3", { use_sliding_window: true }, /`use_sliding_window`: true/],
    ["qwen3", { num_key_value_heads: 3 }, /`num_key_value_heads`: 3.*divide/],
    ["qwen3", { rope_parameters: { rope_type: "yarn" } }, /`rope_type`: "yarn"/],
  ])("%s with %j", async (name, fields, message) => {
    await expect(withConfig(name, fields)).rejects.toMatchObject({
      code: "model_invalid",
      message: expect.stringMatching(message),
    });
  });

  test("a config.json that is not an object", async () => {
    await expect(compileChanged("bert", () => ({ config: [1] }))).rejects.toMatchObject({ code: "model_invalid" });
  });

  test("a checkpoint without the head", async () => {
    await expect(withTensors("bert", (tensors) => tensors.delete("classifier.weight"))).rejects.toMatchObject({
      code: "model_invalid",
      message: expect.stringMatching(/"classifier.weight".*no sequence-classification head/),
    });
  });

  test("weights that are packed integers", async () => {
    const name = "bert.encoder.layer.0.output.dense.weight";
    const pack = (tensors: Map<string, SafetensorsTensor>) =>
      tensors.set(name, { ...(tensors.get(name) as SafetensorsTensor), dtype: "I32" });
    await expect(withTensors("bert", pack)).rejects.toMatchObject({
      code: "model_invalid",
      message: expect.stringMatching(/stored as I32/),
    });
  });

  test("an embedding of an encoder by its last token, and of a decoder by its mean", async () => {
    const wrong = { code: "invalid_argument", message: expect.stringMatching(/`pooling`/) };
    await expect(compileChanged("bert", () => ({ output: "embedding", pooling: "last" }))).rejects.toMatchObject(wrong);
    await expect(compileChanged("qwen3", () => ({ output: "embedding" }))).rejects.toMatchObject(wrong);
  });

  test("a language model without the answers that score it", async () => {
    for (const answerTokens of [undefined, [3, 97], [-1, 3], [0.5, 1]] as const) {
      await expect(compileChanged("qwen3", () => ({ answerTokens }))).rejects.toMatchObject({
        code: "invalid_argument",
        message: expect.stringMatching(/`answerTokens`/),
      });
    }
  });
});

test.each([
  "bert",
  "xlm-roberta",
  "electra",
  "distilbert",
  "deberta-v2-unshared",
  "deberta-v2-convolution",
  "modernbert-mean",
  "qwen2",
  "qwen3",
])("%s misses any one of its tensors by name", async (name) => {
  const { weightsPath } = goldenCheckpoint(name);
  const names = await withWeights(weightsPath, async ({ tensors }) => [...tensors.keys()]);
  // A tied output matrix may be absent, and the reference's BERT keeps a buffer that it does not read.
  for (const missing of names.filter((each) => each !== "lm_head.weight")) {
    const error = await withTensors(name, (tensors) => tensors.delete(missing)).catch((reason: unknown) => reason);
    expect(error, missing).toBeInstanceOf(PgVectorDBError);
    expect((error as PgVectorDBError).message).toContain(missing.split(".").slice(-3).join("."));
  }
});

test("any change of config.json compiles or is refused with the library's own error", async () => {
  const { config } = goldenCheckpoint("deberta-v2");
  const values = fc.oneof(
    fc.constantFrom(
      null,
      true,
      -1,
      0,
      0.5,
      1,
      3,
      2 ** 31,
      Number.MAX_VALUE,
      "",
      "layer_norm",
      "c2p|p2c",
      [],
      ["c2p"],
      {},
    ),
    fc.jsonValue(),
  );
  const names = [
    ...Object.keys(config),
    "embedding_size",
    "conv_kernel_size",
    "attention_head_size",
    "max_relative_positions",
  ];
  const changes = fc.dictionary(fc.constantFrom(...names), values, { minKeys: 1, maxKeys: 3 });
  await fc.assert(
    fc.asyncProperty(changes, async (fields) => {
      await withConfig("deberta-v2", fields).catch((error: unknown) => {
        expect(error).toBeInstanceOf(PgVectorDBError);
        expect((error as PgVectorDBError).code).toBe("model_invalid");
      });
    }),
    { numRuns: 150 },
  );
});
