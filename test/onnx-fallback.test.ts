import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixtureModel, type GoldenPairs, readFixture } from "../src/inference/fixture-models.suite.ts";
import { CrossEncoderReranker, type CrossEncoderRerankerOptions } from "../src/rerankers/index.ts";

const NAME = "tiny-bert-cross-encoder";
const [pair] = readFixture<GoldenPairs>(`${NAME}/golden.json`).pairs;

let temporary: string;
let cacheDir: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "onnx-fallback-"));
  cacheDir = join(temporary, "cache");
});
afterAll(() => rm(temporary, { recursive: true, force: true }));

/** A repository with both a checkpoint and an ONNX file, of which one part is changed. */
async function repository(name: string, change: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(temporary, name);
  await cp(fixtureModel(NAME), folder, { recursive: true });
  await cp(join(folder, "checkpoint"), folder, { recursive: true });
  await change(folder);
  return folder;
}

function make(model: string, options: CrossEncoderRerankerOptions = {}): CrossEncoderReranker {
  return new CrossEncoderReranker({ model, cacheDir, workers: 1, selfCheck: false, ...options });
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, "latin1")), "latin1");
}

const changes: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  "lacks a tensor": (folder) =>
    edit(join(folder, "model.safetensors"), (text) =>
      text.replace("encoder.layer.1.output.dense.w", "encoder.layer.1.output.dense.v"),
    ),
  "has a tensor of another shape": (folder) =>
    edit(join(folder, "config.json"), (text) => text.replace('"vocab_size": ', '"vocab_size": 1')),
  "is of an unknown architecture": (folder) =>
    edit(join(folder, "config.json"), (text) => text.replace('"model_type": "bert"', '"model_type": "bort"')),
  "asks for code of its own": (folder) =>
    edit(join(folder, "config.json"), (text) => text.replace("{", '{"auto_map": {"AutoModel": "model.Model"},')),
};

describe.each(Object.entries(changes))("a checkpoint that %s", (name, change) => {
  test("leaves the repository's ONNX file to be used", async () => {
    await using reranker = make(await repository(`with-onnx ${name}`, change));
    const [best] = await reranker.rerank(pair?.query ?? "", [pair?.document ?? ""]);
    expect(best?.rawScore).toBeCloseTo(pair?.logits[0] ?? Number.NaN, 4);
    await expect(readdir(cacheDir)).rejects.toThrow();
  });

  test("is refused without one, with the reason and what to do", async () => {
    const model = await repository(`without-onnx ${name}`, change);
    await rm(join(model, "onnx"), { recursive: true });
    await using reranker = make(model);
    await expect(reranker.load()).rejects.toMatchObject({
      code: "model_invalid",
      message: expect.stringMatching(
        /tensor|(`model_type`|`auto_map`).*no ONNX file either.*choose a model that is compiled/s,
      ),
    });
  });
});

test("a corrupt checkpoint is an error, also where there is an ONNX file", async () => {
  const model = await repository("corrupt", async (folder) => {
    const path = join(folder, "model.safetensors");
    await writeFile(path, (await readFile(path)).subarray(0, 5000));
  });
  await using reranker = make(model);
  await expect(reranker.load()).rejects.toMatchObject({ code: "model_invalid", message: /safetensors/ });
});

test("the ONNX file suits the number format, and a missing one is said with what is there", async () => {
  const model = await repository("formats", changes["is of an unknown architecture"] as never);
  await using int8 = make(model, { dtype: "int8" });
  expect(await int8.rerank("q", ["a"])).toHaveLength(1);
  await using fp16 = make(model, { dtype: "fp16" });
  await expect(fp16.load()).rejects.toMatchObject({ code: "model_invalid", message: /onnx\/model\.onnx/ });
});

test("several workers that start at once share one compilation", async () => {
  const model = await repository("shared", async (folder) => rm(join(folder, "onnx"), { recursive: true }));
  const own = join(temporary, "own-cache");
  await using reranker = make(model, { workers: 4, cacheDir: own });
  await using other = make(model, { workers: 4, cacheDir: own });
  const documents = Array.from({ length: 16 }, (_, i) => `document ${i}`);
  const [first, second] = await Promise.all([reranker.rerank("q", documents), other.rerank("q", documents)]);
  expect(first).toEqual(second);
  const entries = await readdir(join(own, ".pgvectordb"));
  expect(entries).toEqual([expect.stringMatching(/^logits-fp32-[0-9a-f]{32}$/)]);
});

test("an ONNX file whose weights are outside of its folder is refused", async () => {
  const own = join(temporary, "hostile-cache");
  const source = await repository("compiled", async (folder) => rm(join(folder, "onnx"), { recursive: true }));
  await using compiled = make(source, { cacheDir: own });
  await compiled.load();
  const [name = ""] = await readdir(join(own, ".pgvectordb"));
  const model = await repository("hostile", async (folder) => {
    await rm(join(folder, "model.safetensors"));
    const graph = await readFile(join(own, ".pgvectordb", name, "model.onnx"), "latin1");
    expect(graph).toContain("model.onnx.data");
    await writeFile(
      join(folder, "onnx", "model.onnx"),
      graph.replaceAll("model.onnx.data", "../outside.data"),
      "latin1",
    );
    await cp(join(own, ".pgvectordb", name, "model.onnx.data"), join(folder, "outside.data"));
  });
  await using reranker = make(model);
  await expect(reranker.load()).rejects.toMatchObject({ code: "model_invalid", message: /ONNX file/ });
});
