import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CompileOptions, compileModel } from "./compile-model.ts";
import {
  aloneWithoutPadding,
  type GoldenCheckpoint,
  goldenCheckpoint,
  largestDifference,
  relativeError,
  runBatch,
  withSession,
  withWeights,
} from "./golden-checkpoint.suite.ts";

const CLASSIFIERS = [
  "bert",
  "bert-two-labels",
  "camembert",
  "deberta-v2",
  "deberta-v2-content-to-position",
  "deberta-v2-convolution",
  "deberta-v2-one-layer",
  "deberta-v2-unshared",
  "distilbert",
  "electra",
  "modernbert",
  "modernbert-mean",
  "mpnet",
  "qwen2",
  "qwen2-classifier",
  "qwen2-untied",
  "qwen3",
  "qwen3-classifier",
  "qwen3-untied",
  "roberta",
  "xlm-roberta",
];
const EMBEDDERS = ["bert-embedder", "modernbert-embedder", "mpnet-embedder", "xlm-roberta-embedder"];

/** What the fp32 graph may differ from the Python reference. */
const FP32_TOLERANCE = 1e-4;

let folder: string;
let compiledCount = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "compile-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function compile({ config, weightsPath, cases }: GoldenCheckpoint, options: CompileOptions) {
  const target = join(folder, String(compiledCount++));
  const answerTokens = cases[0]?.answers;
  return withWeights(weightsPath, (weights) => compileModel({ config, weights, answerTokens, ...options }, target));
}

describe.each(CLASSIFIERS)("%s", (name) => {
  const golden = goldenCheckpoint(name);

  test("gives the reference's logits in fp32", async () => {
    const { modelPath, inputNames } = await compile(golden, { dtype: "fp32", output: "logits" });
    await withSession(modelPath, async (session) => {
      expect(session.inputNames).toEqual(inputNames);
      for (const batch of golden.cases) {
        const logits = await runBatch(session, batch);
        expect(largestDifference(logits, batch.logits ?? []), batch.name).toBeLessThan(FP32_TOLERANCE);
      }
    });
  });

  test("gives them without a mask, one text at a time", async () => {
    const { modelPath, inputNames } = await compile(golden, { dtype: "fp32", output: "logits", maskless: true });
    expect(inputNames).not.toContain("attention_mask");
    await withSession(modelPath, async (session) => {
      for (const batch of golden.cases) {
        for (const [row, expected] of (batch.logits ?? []).entries()) {
          const logits = await runBatch(session, aloneWithoutPadding(batch, row));
          expect(largestDifference(logits, [expected]), `${batch.name}, ${row}`).toBeLessThan(FP32_TOLERANCE);
        }
      }
    });
  });

  test("gives close logits in int8", async () => {
    const { modelPath } = await compile(golden, { dtype: "int8", output: "logits" });
    await withSession(modelPath, async (session) => {
      const actual: number[][] = [];
      for (const batch of golden.cases) actual.push(...(await runBatch(session, batch)));
      const expected = golden.cases.flatMap((batch) => batch.logits ?? []);
      expect(relativeError(actual, expected)).toBeLessThan(0.25);
    });
  });
});

test("reads ModernBERT's config.json of older versions of transformers", async () => {
  const golden = goldenCheckpoint("modernbert");
  const { layer_types: _layers, rope_parameters: _rope, ...shared } = golden.config;
  const config = { ...shared, global_attn_every_n_layers: 3, global_rope_theta: 160_000, local_rope_theta: 10_000 };
  const [older, newer] = await Promise.all(
    [config, golden.config].map((each) => compile({ ...golden, config: each }, { dtype: "fp32", output: "logits" })),
  );
  expect(older?.digest).toBe(newer?.digest);
});

test("takes ModernBERT's global angles where its local ones are null", async () => {
  const golden = goldenCheckpoint("modernbert");
  const { rope_parameters: _rope, ...shared } = golden.config;
  const digests = await Promise.all(
    [null, 2_000, undefined].map(async (local_rope_theta) => {
      const config = { ...shared, global_rope_theta: 2_000, local_rope_theta };
      return (await compile({ ...golden, config }, { dtype: "fp32", output: "logits" })).digest;
    }),
  );
  expect(digests[0]).toBe(digests[1]);
  expect(digests[0]).not.toBe(digests[2]);
});

// A fixture that gave the same logits whatever a field said would prove nothing about how the field is read.
test.each([
  ["bert", { hidden_act: "relu" }],
  ["bert", { layer_norm_eps: 0.5 }],
  ["roberta", { pad_token_id: 1 }],
  ["electra", { hidden_act: "silu" }],
  ["deberta-v2", { pos_att_type: ["c2p"] }],
  ["deberta-v2", { norm_rel_ebd: "none" }],
  ["deberta-v2", { max_relative_positions: 20 }],
  ["modernbert", { local_attention: 6 }],
  ["modernbert", { layer_types: Array(4).fill("full_attention") }],
  ["modernbert", { rope_parameters: undefined, global_rope_theta: 100 }],
  ["modernbert-mean", { classifier_pooling: "cls" }],
  ["qwen2", { rope_parameters: { rope_theta: 100 } }],
  ["qwen3", { rms_norm_eps: 0.5 }],
  ["qwen3", { rope_parameters: { rope_theta: 100 } }],
])("%s gives other logits with %j", async (name, fields) => {
  const golden = goldenCheckpoint(name);
  const changed = { ...golden, config: { ...golden.config, ...fields } };
  const { modelPath } = await compile(changed, { dtype: "fp32", output: "logits" });
  await withSession(modelPath, async (session) => {
    const differences: number[] = [];
    for (const batch of golden.cases)
      differences.push(largestDifference(await runBatch(session, batch), batch.logits ?? []));
    expect(Math.max(...differences)).toBeGreaterThan(10 * FP32_TOLERANCE);
  });
});

describe.each(EMBEDDERS)("%s", (name) => {
  const golden = goldenCheckpoint(name);

  test.each(["mean", "cls"] as const)("gives the reference's embeddings, %s-pooled", async (pooling) => {
    const { modelPath } = await compile(golden, { dtype: "fp32", output: "embedding", pooling });
    await withSession(modelPath, async (session) => {
      for (const batch of golden.cases) {
        const vectors = await runBatch(session, batch);
        expect(largestDifference(vectors, batch[pooling] ?? []), batch.name).toBeLessThan(1e-5);
      }
    });
  });

  test("gives close embeddings in int8, without a mask", async () => {
    const { modelPath } = await compile(golden, { dtype: "int8", output: "embedding", maskless: true });
    await withSession(modelPath, async (session) => {
      for (const batch of golden.cases) {
        for (const [row, expected] of (batch.mean ?? []).entries()) {
          const [vector = []] = await runBatch(session, aloneWithoutPadding(batch, row));
          const cosine = expected.reduce((sum, value, index) => sum + value * (vector[index] ?? 0), 0);
          expect(cosine, `${batch.name}, ${row}`).toBeGreaterThan(0.99);
        }
      }
    });
  });
});
