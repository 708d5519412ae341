import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixtureModel } from "../src/inference/fixture-models.suite.ts";
import { CrossEncoderReranker, type CrossEncoderRerankerOptions } from "../src/rerankers/index.ts";

const NAME = "tiny-bert-cross-encoder";

let temporary: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "self-check-"));
});
afterAll(() => rm(temporary, { recursive: true, force: true }));

/** The tiny cross-encoder with another head: each number of its classifier goes through `change`. */
async function withHead(name: string, change: (value: number) => number): Promise<string> {
  const folder = join(temporary, name);
  await cp(fixtureModel(NAME), folder, { recursive: true });
  await cp(join(folder, "checkpoint"), folder, { recursive: true });
  const path = join(folder, "model.safetensors");
  const file = await readFile(path);
  const dataStart = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, dataStart).toString());
  for (const tensor of ["classifier.weight", "classifier.bias"]) {
    const [begin, end] = header[tensor].data_offsets;
    for (let at = dataStart + begin; at < dataStart + end; at += 4) file.writeFloatLE(change(file.readFloatLE(at)), at);
  }
  await writeFile(path, file);
  return folder;
}

async function warningsOf(options: CrossEncoderRerankerOptions): Promise<string[]> {
  const warnings: string[] = [];
  await using reranker = new CrossEncoderReranker({
    cacheDir: join(temporary, "cache"),
    workers: 1,
    onWarning: (message) => warnings.push(message),
    ...options,
  });
  await reranker.rerank("how long do refunds take?", ["a", "b"]);
  await reranker.rerank("how long do refunds take?", ["a", "b"]);
  return warnings;
}

describe("loading a model", () => {
  test("says nothing about the built-in reranker", async () => {
    expect(await warningsOf({ model: "builtin" })).toEqual([]);
  });

  test("warns once that a head of zeros does nothing, and loads it", async () => {
    const model = await withHead("zeros", () => 0);
    expect(await warningsOf({ model })).toEqual([expect.stringMatching(/same score: it does nothing/)]);
  });

  test("warns of a model that sorts the wrong way round", async () => {
    const one = await warningsOf({ model: await withHead("kept", (value) => value) });
    const other = await warningsOf({ model: await withHead("negated", (value) => -value) });
    // Random weights prefer one passage; turned round they prefer the other.
    expect([...one, ...other]).toEqual([expect.stringMatching(/irrelevant passage above a relevant one/)]);
  });

  test("checks nothing when told so", async () => {
    const model = await withHead("unchecked", () => 0);
    expect(await warningsOf({ model, selfCheck: false })).toEqual([]);
  });

  test("warns the process when nobody listens", async () => {
    const model = await withHead("unheard", () => 0);
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    expect(await warningsOf({ model, onWarning: undefined })).toEqual([]);
    expect(await warned).toMatchObject({ name: "PgVectorDBWarning", code: "PGVECTORDB_MODEL_CHECK" });
  });

  test("leaves a model that fails on the check to the first call", async () => {
    const model = await withHead("not-a-number", () => Number.NaN);
    await using reranker = new CrossEncoderReranker({ model, cacheDir: join(temporary, "cache"), workers: 1 });
    await reranker.load();
    await expect(reranker.rerank("q", ["a", "b"])).rejects.toMatchObject({
      code: "inference_failed",
      message: expect.stringMatching(/NaN as the score of document [01]/),
    });
  });
});
