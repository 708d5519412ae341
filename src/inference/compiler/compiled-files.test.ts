import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CompileOptions, compileModel } from "./compile-model.ts";
import { readCompiledModel } from "./compiled-model.ts";
import { compiledModelPath } from "./compiled-model-path.ts";
import { goldenCheckpoint, runBatch, withSession, withWeights } from "./golden-checkpoint.suite.ts";

const GOLDEN = goldenCheckpoint("bert");
const FP32: CompileOptions = { dtype: "fp32", output: "logits" };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "compiled-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function compile(target: string, options: Partial<Parameters<typeof compileModel>[0]> = {}) {
  return withWeights(GOLDEN.weightsPath, (weights) =>
    compileModel({ config: GOLDEN.config, weights, ...FP32, ...options }, target),
  );
}

describe("compileModel", () => {
  test("keeps large weights in a file beside the model, which moves with it", async () => {
    const compiled = await compile(join(folder, "a"));
    expect(compiled.externalDataPaths.map((path) => basename(path))).toEqual(["model.onnx.data"]);
    expect(compiled).toEqual(await readCompiledModel(join(folder, "a")));
    await withSession(compiled.modelPath, async (session) => {
      expect(await runBatch(session, GOLDEN.cases[0] as (typeof GOLDEN.cases)[number])).toHaveLength(1);
    });
    await rm(compiled.externalDataPaths[0] as string);
    expect(await readCompiledModel(join(folder, "a"))).toBeUndefined();
  });

  test("writes the same bytes each time, and others for other options", async () => {
    const first = await compile(join(folder, "a"));
    const second = await compile(join(folder, "b"));
    expect(second.digest).toBe(first.digest);
    expect(await readFile(second.modelPath)).toEqual(await readFile(first.modelPath));
    expect((await compile(join(folder, "c"), { dtype: "int8" })).digest).not.toBe(first.digest);
  });

  test("may run twice at once for one folder", async () => {
    const target = join(folder, "deep", "a");
    const [first, second] = await Promise.all([compile(target), compile(target)]);
    expect(second).toEqual(first);
    expect(await readdir(dirname(target))).toEqual(["a"]);
  });

  test("replaces a folder that is damaged", async () => {
    const target = join(folder, "a");
    await mkdir(target);
    await writeFile(join(target, "compiled.json"), "{");
    expect(await readCompiledModel(target)).toBeUndefined();
    const { modelPath } = await compile(target);
    await withSession(modelPath, async (session) => expect(session.outputNames).toEqual(["logits"]));
  });

  test("stops on abort and leaves nothing behind", async () => {
    const controller = new AbortController();
    const target = join(folder, "a");
    const compiling = compile(target, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(compiling).rejects.toMatchObject({ code: "aborted" });
    await expect(compile(target, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
    expect(await readdir(folder)).toEqual([]);
  });

  test("removes what a killed compilation left, and not one that is under way", async () => {
    const [old, fresh] = [join(folder, "b.1.tmp"), join(folder, "b.2.tmp")];
    await Promise.all([old, fresh].map((path) => mkdir(path)));
    await utimes(old, 1, 1);
    await compile(join(folder, "a"));
    expect((await readdir(folder)).sort()).toEqual(["a", "b.2.tmp"]);
  });

  test("tells how much is written", async () => {
    const told: [number, number][] = [];
    await compile(join(folder, "a"), { onProgress: (written, total) => told.push([written, total]) });
    expect(told.length).toBeGreaterThan(10);
    expect(told.every(([written], index) => index === 0 || written > (told[index - 1]?.[0] ?? 0))).toBe(true);
    expect(told.at(-1)?.[0]).toBe(told.at(-1)?.[1]);
  });

  test("gives ONNX Runtime patterns that it fuses", async () => {
    const { modelPath } = await compile(join(folder, "a"), { dtype: "int8" });
    const optimized = join(folder, "optimized.onnx");
    const session = await InferenceSession.create(modelPath, { optimizedModelFilePath: optimized });
    await session.release();
    const bytes = await readFile(optimized);
    // Field 4 of a node, a text: its operator.
    const count = (operator: string) =>
      bytes.toString("latin1").split(`"${String.fromCharCode(operator.length)}${operator}`).length - 1;
    // Three layers of six products. Query, key and value share one quantised input; the last layer has none of the three in int8.
    expect(count("MatMulIntegerToFloat") + count("DynamicQuantizeMatMul")).toBe(15);
    expect(count("MatMulInteger")).toBe(0);
    expect(count("DynamicQuantizeLinear")).toBeLessThanOrEqual(4);
  });
});

describe("compiledModelPath", () => {
  const key = { config: GOLDEN.config, weightPaths: [GOLDEN.weightsPath], ...FP32 };

  test("is the same for the same request, defaults spelt out or not", async () => {
    const path = await compiledModelPath(folder, key);
    expect(dirname(path)).toBe(folder);
    expect(await compiledModelPath(folder, { ...key, maskless: false, normalize: true })).toBe(path);
  });

  test("differs for other options, another config.json and other weights", async () => {
    const copy = join(folder, "copy.safetensors");
    await copyFile(GOLDEN.weightsPath, copy);
    const other = goldenCheckpoint("bert-embedder");
    const paths = await Promise.all([
      compiledModelPath(folder, key),
      compiledModelPath(folder, { ...key, dtype: "int8" }),
      compiledModelPath(folder, { ...key, maskless: true }),
      compiledModelPath(folder, { ...key, output: "embedding" }),
      compiledModelPath(folder, { ...key, output: "embedding", pooling: "cls" }),
      compiledModelPath(folder, { ...key, output: "embedding", normalize: false }),
      compiledModelPath(folder, { ...key, config: { ...GOLDEN.config, hidden_act: "relu" } }),
      compiledModelPath(folder, { ...key, weightPaths: [other.weightsPath] }),
    ]);
    expect(new Set(paths).size).toBe(paths.length);
  });

  test("notices other weights of the same length and time", async () => {
    const copy = join(folder, "copy.safetensors");
    const bytes = await readFile(GOLDEN.weightsPath);
    const write = async (content: Buffer) => {
      await writeFile(copy, content);
      await utimes(copy, 1, 1);
      return compiledModelPath(folder, { ...key, weightPaths: [copy] });
    };
    const before = await write(bytes);
    expect(await write(bytes)).toBe(before);
    // Another value in the middle of the last tensor, as another head would have.
    const [, last] = await withWeights(
      copy,
      async ({ tensors }) => [...tensors].sort(([, a], [, b]) => a.end - b.end).at(-1) ?? [],
    );
    const middle = Math.floor(((last?.begin ?? 0) + (last?.end ?? 0)) / 2);
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 0xff, middle);
    expect(await write(bytes)).not.toBe(before);
  });

  test("takes a file of the Hugging Face cache by the digest that is its name", async () => {
    const blob = join(folder, "blobs", "ab".repeat(32));
    await mkdir(dirname(blob));
    await copyFile(GOLDEN.weightsPath, blob);
    const link = join(folder, "model.safetensors");
    await symlink(blob, link);
    const path = await compiledModelPath(folder, { ...key, weightPaths: [link] });
    await truncate(blob, 10);
    expect(await compiledModelPath(folder, { ...key, weightPaths: [link] })).toBe(path);
  });
});
