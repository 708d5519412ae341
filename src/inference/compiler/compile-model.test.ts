import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCheckpointWeights } from "../safetensors/open-checkpoint-weights.ts";
import { type CompileOptions, compileModel } from "./compile-model.ts";

const FIXTURES = join(import.meta.dirname, "../../../test/fixtures/checkpoints");

interface GoldenCase {
  readonly name: string;
  readonly ids: number[][];
  readonly mask: number[][];
  readonly types: number[][];
  readonly logits?: number[][];
  readonly mean?: number[][];
  readonly cls?: number[][];
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "compile-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function readJson(...path: string[]): unknown {
  return JSON.parse(readFileSync(join(FIXTURES, ...path), "utf8"));
}

async function compileFixture(name: string, options: CompileOptions) {
  const index = join(FIXTURES, name, "model.safetensors.index.json");
  const weights = await openCheckpointWeights(existsSync(index) ? index : join(FIXTURES, name, "model.safetensors"));
  try {
    const target = join(folder, `${name}-${JSON.stringify(options).replace(/\W+/g, "-")}`);
    return await compileModel({ config: readJson(name, "config.json"), weights, ...options }, target);
  } finally {
    await weights.close();
  }
}

async function run(session: InferenceSession, { ids, mask, types }: Pick<GoldenCase, "ids" | "mask" | "types">) {
  const rows: Record<string, number[][]> = { input_ids: ids, attention_mask: mask, token_type_ids: types };
  const feeds = Object.fromEntries(
    session.inputNames.map((name) => {
      const table = rows[name] ?? [];
      const values = BigInt64Array.from(table.flat(), BigInt);
      return [name, new Tensor("int64", values, [table.length, table[0]?.length ?? 0])];
    }),
  );
  const output = (await session.run(feeds))[session.outputNames[0] ?? ""];
  if (output === undefined) throw new Error("no output");
  const [batch = 0, width = 0] = output.dims;
  const values = output.data as Float32Array;
  return Array.from({ length: batch }, (_, row) => [...values.subarray(row * width, (row + 1) * width)]);
}

function largestDifference(actual: number[][], expected: number[][]): number {
  expect(actual.map((row) => row.length)).toEqual(expected.map((row) => row.length));
  const differences = expected.flatMap((row, i) =>
    row.map((value, j) => Math.abs(value - (actual[i]?.[j] ?? Number.NaN))),
  );
  return Math.max(
    ...differences.map((difference) => (Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference)),
  );
}

const classifiers = [
  "bert",
  "bert-two-labels",
  "xlm-roberta",
  "roberta",
  "camembert",
  "electra",
  "distilbert",
  "deberta-v2",
  "deberta-v2-unshared",
  "deberta-v2-content-to-position",
  "modernbert",
  "modernbert-mean",
];

describe.each(classifiers)("%s", (name) => {
  const { cases } = readJson(name, "golden.json") as { cases: GoldenCase[] };

  test("gives the reference's logits in fp32", async () => {
    const { modelPath, inputNames } = await compileFixture(name, { dtype: "fp32", output: "logits" });
    const session = await InferenceSession.create(modelPath);
    expect(session.inputNames).toEqual(inputNames);
    for (const golden of cases) {
      expect(largestDifference(await run(session, golden), golden.logits ?? []), golden.name).toBeLessThan(1e-4);
    }
    await session.release();
  });

  test("gives close logits in int8", async () => {
    const { modelPath } = await compileFixture(name, { dtype: "int8", output: "logits" });
    const session = await InferenceSession.create(modelPath);
    for (const golden of cases) {
      expect(largestDifference(await run(session, golden), golden.logits ?? []), golden.name).toBeLessThan(0.3);
    }
    await session.release();
  });
});
