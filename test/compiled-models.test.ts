import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLocalEmbedder } from "../src/embedders/index.ts";
import { fixtureModel, type GoldenPairs, readFixture } from "../src/inference/fixture-models.suite.ts";
import { CrossEncoderReranker } from "../src/rerankers/index.ts";

/** A model as most repositories publish it: a checkpoint and no ONNX file. */
async function checkpointOnly(name: string): Promise<string> {
  const folder = join(temporary, name);
  await cp(fixtureModel(name), folder, { recursive: true });
  await cp(join(folder, "checkpoint"), folder, { recursive: true });
  await Promise.all(["checkpoint", "onnx"].map((part) => rm(join(folder, part), { recursive: true })));
  return folder;
}

let temporary: string;
let cacheDir: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "compiled-models-"));
  cacheDir = join(temporary, "cache");
});
afterAll(() => rm(temporary, { recursive: true, force: true }));

describe.each(["tiny-bert-cross-encoder", "tiny-xlm-roberta-cross-encoder"])(
  "a folder with %s's checkpoint",
  (name) => {
    const { pairs } = readFixture<GoldenPairs>(`${name}/golden.json`);

    test("gives sentence-transformers' logits, and is compiled once", async () => {
      const model = await checkpointOnly(name);
      await using first = new CrossEncoderReranker({ model, cacheDir });
      await first.load();
      const compiled = await readdir(join(cacheDir, ".pgvectordb"));
      await using second = new CrossEncoderReranker({ model, cacheDir });
      for (const { query, document, logits } of pairs) {
        const [best] = await second.rerank(query, [document]);
        expect(Math.abs((best?.rawScore ?? Number.NaN) - (logits[0] as number))).toBeLessThan(1e-4);
      }
      expect(await readdir(join(cacheDir, ".pgvectordb"))).toEqual(compiled);
    });

    test("scores close to it in int8, whatever else is in the call", async () => {
      const model = await checkpointOnly(name);
      await using reranker = new CrossEncoderReranker({ model, cacheDir, dtype: "int8" });
      const documents = pairs.map(({ document }) => document);
      for (const { query, document, logits } of pairs) {
        const [alone] = await reranker.rerank(query, [document]);
        expect(Math.abs((alone?.rawScore ?? Number.NaN) - (logits[0] as number))).toBeLessThan(0.5);
        const among = (await reranker.rerank(query, documents)).find(({ content }) => content === document);
        expect(among?.rawScore).toBe(alone?.rawScore);
      }
    });
  },
);

test("a folder with an embedding checkpoint gives sentence-transformers' vectors", async () => {
  const golden = readFixture<{ texts: string[]; vectors: Record<"mean" | "cls", number[][]> }>(
    "tiny-sentence-encoder/golden.json",
  );
  const model = await checkpointOnly("tiny-sentence-encoder");
  for (const pooling of ["mean", "cls"] as const) {
    await using embedder = await createLocalEmbedder({ model, cacheDir, pooling });
    expect(embedder.dimensions).toBe(16);
    const vectors = await embedder.embedDocuments(golden.texts);
    const differences = golden.vectors[pooling].flatMap((row, i) =>
      row.map((value, j) => Math.abs(value - (vectors[i]?.[j] ?? Number.NaN))),
    );
    expect(Math.max(...differences)).toBeLessThan(1e-4);
  }
});

describe("a checkpoint that is not compiled", () => {
  test("is refused with the reason when there is no ONNX file", async () => {
    const model = await checkpointOnly("tiny-bert-cross-encoder");
    const cases: [object, RegExp][] = [
      [{ model_type: "longformer" }, /`model_type`: "longformer"/],
      [{ model_type: "bert", auto_map: {} }, /`auto_map`/],
      [
        { model_type: "llama", architectures: ["LlamaForCausalLM"] },
        /`model_type`: "llama".*choose a model that is compiled/,
      ],
      [{ model_type: "bert", architectures: ["BertModel"] }, /gives no relevance score/],
    ];
    for (const [fields, message] of cases) {
      await writeFile(join(model, "config.json"), JSON.stringify({ id2label: { 0: "LABEL_0" }, ...fields }));
      await using reranker = new CrossEncoderReranker({ model, cacheDir });
      await expect(reranker.load()).rejects.toMatchObject({
        code: "model_invalid",
        message: expect.stringMatching(message),
      });
    }
  });

  test("leaves the ONNX file to load", async () => {
    const name = "tiny-bert-cross-encoder";
    const model = await checkpointOnly(name);
    await cp(join(fixtureModel(name), "onnx"), join(model, "onnx"), { recursive: true });
    const config = readFixture<object>(`${name}/config.json`);
    await writeFile(join(model, "config.json"), JSON.stringify({ ...config, auto_map: {} }));
    await using reranker = new CrossEncoderReranker({ model, cacheDir: join(temporary, "unused") });
    const [pair] = readFixture<GoldenPairs>(`${name}/golden.json`).pairs;
    const [best] = await reranker.rerank(pair?.query ?? "", [pair?.document ?? ""]);
    expect(best?.rawScore).toBeCloseTo(pair?.logits[0] ?? Number.NaN, 4);
    await expect(readdir(join(temporary, "unused"))).rejects.toThrow();
  });

  test("names the cache folder that cannot be written", async () => {
    const model = await checkpointOnly("tiny-bert-cross-encoder");
    const blocked = join(temporary, "blocked");
    await mkdir(blocked);
    await writeFile(join(blocked, ".pgvectordb"), "a file where the folder would be");
    await using reranker = new CrossEncoderReranker({ model, cacheDir: blocked });
    await expect(reranker.load()).rejects.toMatchObject({
      code: "model_invalid",
      message: expect.stringMatching(/`cacheDir`/),
    });
  });
});
