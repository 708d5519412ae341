import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeModel } from "../describe-model.ts";
import { fixtureClassifier, fixtureModel, type GoldenPairs, readFixture } from "../fixture-models.suite.ts";
import { nativeMissingInOneWorker, preferKernels } from "./native-engine.suite.ts";

// A ModernBERT with a head of sentence-transformers' modules, as the Ettin rerankers are.
const NAME = "tiny-module-blocks";
const { pairs } = readFixture<GoldenPairs>(`${NAME}/golden.json`);
preferKernels();
const missing = await nativeMissingInOneWorker();

let folder: string;
let before: string | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "modernbert-classifier-"));
  before = process.env["PGVECTORDB_NATIVE"];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Logits of all pairs, each by itself. Workers read the variable when they start. */
async function scorePairs(engine: "native" | "onnxruntime", dtype: "int8" | "fp32"): Promise<number[]> {
  if (engine === "onnxruntime") process.env["PGVECTORDB_NATIVE"] = "off";
  const classifier = fixtureClassifier(NAME, { dtype, workers: 1, cacheDir: join(folder, engine) });
  try {
    const logits: number[] = [];
    for (const { query, document } of pairs)
      logits.push((await classifier.score(query, [document])).logits[0] as number);
    return logits;
  } finally {
    await classifier.close();
    if (before === undefined) delete process.env["PGVECTORDB_NATIVE"];
    else process.env["PGVECTORDB_NATIVE"] = before;
  }
}

function largestError(logits: readonly number[]): number {
  return Math.max(...logits.map((logit, i) => Math.abs(logit - (pairs[i]?.logits[0] as number))));
}

describe.skipIf(missing)(`a reranker built as Ettin in our own kernels${missing}`, () => {
  test("gives sentence-transformers' logits in fp32, and compiles nothing", async () => {
    expect(largestError(await scorePairs("native", "fp32"))).toBeLessThan(1e-4);
    await expect(stat(join(folder, "native"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("gives logits close to them in int8", async () => {
    const logits = await scorePairs("native", "int8");
    // 0.25 was measured with AVX2, of logits from -1 to 2.3.
    expect(largestError(logits)).toBeLessThan(0.5);
    // Other kernels, and so not the same to the last bit.
    expect(await scorePairs("onnxruntime", "int8")).not.toEqual(logits);
  });

  test("is described as running there", async () => {
    const { use } = await describeModel({ model: fixtureModel(NAME), dtype: "int8", cacheDir: folder });
    expect(use).toMatchObject({ how: "compile", engine: "native" });
  });
});
