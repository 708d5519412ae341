import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createLocalEmbedder } from "../src/embedders/index.ts";
import type { PgVectorDBError } from "../src/errors.ts";
import { describeModel } from "../src/inference/describe-model.ts";
import { fixtureModel, type GoldenPairs, readFixture } from "../src/inference/fixture-models.suite.ts";
import { CrossEncoderReranker, HuggingFaceReranker } from "../src/rerankers/index.ts";
import { startImitationHub } from "./imitation-hub/start-imitation-hub.ts";

let temporary: string;
let cacheDir: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "module-heads-"));
  cacheDir = join(temporary, "cache");
});
afterAll(() => rm(temporary, { recursive: true, force: true }));

type Json = Record<string, unknown>;

/** A copy of a fixture with one of its JSON files changed. */
async function changed(name: string, file: string, change: (content: Json & Json[]) => unknown): Promise<string> {
  const folder = await mkdtemp(join(temporary, "changed-"));
  await cp(fixtureModel(name), folder, { recursive: true });
  const path = join(folder, file);
  const content = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify(change(content) ?? content));
  return folder;
}

describe.each([
  {
    name: "tiny-module-cross-encoder",
    scoreOf: ([logit = Number.NaN]: readonly number[]) => logit,
    whyNotNative: /layers of 16 numbers/,
  },
  {
    name: "tiny-module-two-labels",
    scoreOf: ([no = Number.NaN, yes = Number.NaN]: readonly number[]) => yes - no,
    whyNotNative: /modules/,
  },
])("$name", ({ name, scoreOf, whyNotNative }) => {
  const { pairs } = readFixture<GoldenPairs>(`${name}/golden.json`);

  test("scores as sentence-transformers does, alone and among others", async () => {
    await using reranker = new CrossEncoderReranker({ model: fixtureModel(name), cacheDir, selfCheck: false });
    const documents = pairs.map(({ document }) => document);
    for (const [index, { query, document, logits }] of pairs.entries()) {
      const [alone] = await reranker.rerank(query, [document]);
      expect(Math.abs((alone?.rawScore ?? Number.NaN) - scoreOf(logits))).toBeLessThan(1e-4);
      const among = (await reranker.rerank(query, documents)).find((each) => each.index === index);
      expect(Math.abs((among?.rawScore ?? Number.NaN) - scoreOf(logits))).toBeLessThan(1e-4);
    }
  });

  test("scores close to it in int8", async () => {
    const options = { model: fixtureModel(name), cacheDir, dtype: "int8", selfCheck: false } as const;
    await using reranker = new HuggingFaceReranker(options);
    for (const { query, document, logits } of pairs) {
      const [best] = await reranker.rerank(query, [document]);
      expect(Math.abs((best?.rawScore ?? Number.NaN) - scoreOf(logits))).toBeLessThan(0.5);
    }
  });

  test("is known as a reranker that is compiled", async () => {
    const description = await describeModel({ model: fixtureModel(name), cacheDir, dtype: "fp32" });
    expect(description).toMatchObject({ task: "rerank", use: { how: "compile", engine: "onnxruntime" } });
    expect(description.use?.engineReason).toMatch(whyNotNative);
  });
});

test("a model whose head is modules is fetched from the hub once", async () => {
  const name = "tiny-module-cross-encoder";
  const entries = await readdir(fixtureModel(name), { recursive: true, withFileTypes: true });
  const files = Object.fromEntries(
    await Promise.all(
      entries
        .filter((entry) => entry.isFile())
        .map(async ({ parentPath, name: file }) => {
          const path = join(parentPath, file);
          return [relative(fixtureModel(name), path).split(sep).join("/"), await readFile(path)] as const;
        }),
    ),
  );
  const hub = await startImitationHub({ repos: { "cross-encoder/modules": { main: files } } });
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  const [pair] = readFixture<GoldenPairs>(`${name}/golden.json`).pairs;
  const options = { model: "cross-encoder/modules", cacheDir: join(temporary, "hub"), selfCheck: false };
  const difference = async (offline: boolean) => {
    await using reranker = new CrossEncoderReranker({ ...options, offline });
    const [best] = await reranker.rerank(pair?.query ?? "", [pair?.document ?? ""]);
    return Math.abs((best?.rawScore ?? Number.NaN) - (pair?.logits[0] ?? Number.NaN));
  };
  try {
    expect(await difference(false)).toBeLessThan(1e-4);
  } finally {
    await hub.close();
    vi.unstubAllEnvs();
  }
  expect(await difference(true)).toBeLessThan(1e-4);
});

test("a sentence encoder's dense layer is part of its vectors", async () => {
  const name = "tiny-dense-sentence-encoder";
  const { texts, vectors } = readFixture<{ texts: string[]; vectors: number[][] }>(`${name}/golden.json`);
  await using embedder = await createLocalEmbedder({ model: fixtureModel(name), cacheDir });
  expect(embedder.dimensions).toBe(12);
  const got = await embedder.embedDocuments(texts);
  const differences = vectors.flatMap((row, i) => row.map((value, j) => Math.abs(value - (got[i]?.[j] ?? Number.NaN))));
  expect(Math.max(...differences)).toBeLessThan(1e-5);
});

test("another head's weights give another compiled model", async () => {
  const [first, other] = await Promise.all(
    [0, 1].map(() => changed("tiny-module-cross-encoder", "config.json", () => {})),
  );
  const weights = join(other as string, "4_Dense/model.safetensors");
  const bytes = await readFile(weights);
  bytes.fill(0, bytes.length - 68); // 16 weights and the bias
  await writeFile(weights, bytes);
  const score = async (model = "") => {
    await using reranker = new CrossEncoderReranker({ model, cacheDir, selfCheck: false });
    return (await reranker.rerank("refund", ["Refunds take 14 days."]))[0]?.rawScore;
  };
  expect(await score(first)).not.toBe(0);
  expect(await score(other)).toBe(0);
});

describe("a head of modules is refused, with the reason,", () => {
  const refusal = async (model: string) => {
    await using reranker = new CrossEncoderReranker({ model, cacheDir, selfCheck: false });
    try {
      await reranker.load();
      return "loaded";
    } catch (error) {
      const { code, message } = error as PgVectorDBError;
      return `${code}: ${message}`;
    }
  };
  const name = "tiny-module-cross-encoder";
  const cases: [why: string, file: string, change: (content: Json & Json[]) => unknown, message: RegExp][] = [
    [
      "for a module that is not known",
      "modules.json",
      (modules) => modules.map((entry, index) => (index === 2 ? { ...entry, type: "x.LSTM" } : entry)),
      /LSTM, which is not supported/,
    ],
    ["for another pooling", "1_Pooling/config.json", () => ({ pooling_mode: "max" }), /pools by max/],
    ["without scores at its end", "modules.json", (modules) => modules.slice(0, 4), /do not end in Dense/],
    [
      "for an activation that is not known",
      "2_Dense/config.json",
      (config) => ({ ...config, activation_function: "os.system" }),
      /`activation_function`/,
    ],
    ["for a size that is none", "2_Dense/config.json", (config) => ({ ...config, out_features: -1 }), /`out_features`/],
    [
      "for sizes that do not follow each other",
      "3_LayerNorm/config.json",
      () => ({ dimension: 8 }),
      /takes vectors of 8 numbers/,
    ],
    [
      "for weights of another shape",
      "2_Dense/config.json",
      (config) => ({ ...config, out_features: 8 }),
      /shape \[16, 16\]/,
    ],
    [
      "for a folder outside the model",
      "modules.json",
      (modules) => modules.map((entry, index) => (index === 2 ? { ...entry, path: "../../x" } : entry)),
      /has no config\.json/,
    ],
  ];
  test.each(cases)("%s", async (_why, file, change, message) => {
    expect(await refusal(await changed(name, file, change))).toMatch(new RegExp(`^model_invalid: .*${message.source}`));
  });

  test("without safetensors weights", async () => {
    const model = await changed(name, "config.json", () => {});
    await rm(join(model, "4_Dense/model.safetensors"));
    expect(await refusal(model)).toMatch(/^model_invalid: The module "4_Dense" .* has no model\.safetensors/);
  });
});
