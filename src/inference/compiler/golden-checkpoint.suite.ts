import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { openCheckpointWeights } from "../safetensors/open-checkpoint-weights.ts";
import type { SafetensorsSource } from "../safetensors/open-safetensors.ts";
import { shapeWithoutPrefix, sourceOfPrefix } from "./shared-prefix.ts";

const FIXTURES = join(import.meta.dirname, "../../../test/fixtures/checkpoints");

/** One batch with the outputs of the Python reference: `make_checkpoints.py` wrote it. */
export interface GoldenCase {
  readonly name: string;
  readonly ids: number[][];
  readonly mask: number[][];
  readonly types: number[][];
  readonly logits?: number[][];
  readonly answers?: [number, number];
  readonly mean?: number[][];
  readonly cls?: number[][];
}

export interface GoldenCheckpoint {
  readonly name: string;
  readonly config: Record<string, unknown>;
  readonly cases: readonly GoldenCase[];
  /** Where its weights are: the file, or the index of its shards. */
  readonly weightsPath: string;
}

export function goldenCheckpoint(name: string): GoldenCheckpoint {
  const readJson = (file: string) => JSON.parse(readFileSync(join(FIXTURES, name, file), "utf8"));
  const index = join(FIXTURES, name, "model.safetensors.index.json");
  return {
    name,
    config: readJson("config.json"),
    cases: readJson("golden.json").cases,
    weightsPath: existsSync(index) ? index : join(FIXTURES, name, "model.safetensors"),
  };
}

export async function withWeights<T>(path: string, use: (weights: SafetensorsSource) => Promise<T>): Promise<T> {
  const weights = await openCheckpointWeights(path);
  try {
    return await use(weights);
  } finally {
    await weights.close();
  }
}

export async function withSession<T>(path: string, use: (session: InferenceSession) => Promise<T>): Promise<T> {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1 });
  try {
    return await use(session);
  } finally {
    await session.release();
  }
}

/** The model's first output for a batch, row by row; exactly the session's inputs are fed, and no prefix. */
export async function runBatch(
  session: InferenceSession,
  { ids, mask, types }: Pick<GoldenCase, "ids" | "mask" | "types">,
): Promise<number[][]> {
  const tables: Record<string, number[][]> = { input_ids: ids, attention_mask: mask, token_type_ids: types };
  const feeds = session.inputMetadata.map((input) => {
    const { name } = input;
    if (input.isTensor && sourceOfPrefix(name) !== undefined) {
      return [name, new Tensor("float32", [], shapeWithoutPrefix(input.shape))] as const;
    }
    const table = tables[name] ?? [];
    const values = BigInt64Array.from(table.flat(), BigInt);
    return [name, new Tensor("int64", values, [table.length, table[0]?.length ?? 0])] as const;
  });
  const output = (await session.run(Object.fromEntries(feeds)))[session.outputNames[0] ?? ""];
  if (output === undefined) throw new Error("The session has no output.");
  const [batch = 0, width = 0] = output.dims;
  const values = output.data as Float32Array;
  return Array.from({ length: batch }, (_, row) => [...values.subarray(row * width, (row + 1) * width)]);
}

/** One text of a batch by itself, without its padding. */
export function aloneWithoutPadding({ ids, mask, types }: GoldenCase, row: number) {
  const length = (mask[row] ?? []).reduce((sum, flag) => sum + flag, 0);
  const cut = (table: number[][]) => [(table[row] ?? []).slice(0, length)];
  return { ids: cut(ids), mask: cut(mask), types: cut(types) };
}

/** Not a number counts as infinitely far. */
export function largestDifference(actual: number[][], expected: number[][]): number {
  return Math.max(...differences(actual, expected).map(Math.abs));
}

/** The differences' root mean square as a part of the expected numbers' own. */
export function relativeError(actual: number[][], expected: number[][]): number {
  const rootMeanSquare = (values: number[]) =>
    Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
  return rootMeanSquare(differences(actual, expected)) / rootMeanSquare(expected.flat());
}

function differences(actual: number[][], expected: number[][]): number[] {
  return expected.flatMap((row, i) =>
    row.map((value, j) => {
      const difference = (actual[i]?.[j] ?? Number.NaN) - value;
      return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    }),
  );
}
