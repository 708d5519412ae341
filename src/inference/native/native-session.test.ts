import { mkdtemp, open, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CompileOptions, compileModel } from "../compiler/compile-model.ts";
import {
  aloneWithoutPadding,
  type GoldenCheckpoint,
  goldenCheckpoint,
  relativeError,
  runBatch,
  withSession,
  withWeights,
} from "../compiler/golden-checkpoint.suite.ts";
import type { EncodedInput } from "../inputs/pair-encoder.ts";
import { OPEN_GATE } from "../sessions/native-gate.ts";
import { graphOf, nativeFloat32Missing, nativeMissing, unpadded } from "./native-engine.suite.ts";
import type { NativeSession } from "./native-session.ts";
import { openNativeSession } from "./open-native-session.ts";

const CHECKPOINTS = [
  "bert-blocks",
  "bert-two-labels-blocks",
  "camembert-blocks",
  "electra-blocks",
  "modernbert-blocks",
  "modernbert-mean-blocks",
  "roberta-blocks",
  "xlm-roberta-blocks",
].map(goldenCheckpoint);
const EMBEDDERS = ["bert-embedder-blocks", "modernbert-embedder-blocks", "xlm-roberta-embedder-blocks"].map(
  goldenCheckpoint,
);
const DTYPES = ["int8", "fp32"] as const;
/** Root mean square of the differences from the float32 reference, as a part of the logits' own; 0.7 to 5 % were measured. */
const INT8_TOLERANCE = 0.08;
/** Its residual has columns twenty times as large as the others; ONNX Runtime's int8 is 0.64 away, the kernels are 0.12 (AVX2) to 0.27. */
const LARGE_COLUMNS_TOLERANCE = 0.4;
/** The largest difference of one logit, as for compiled graphs. */
const FP32_TOLERANCE = 1e-4;

const inputsOf = ({ cases }: GoldenCheckpoint) => cases.flatMap(unpadded);
/** The reference read texts alone, of one type. */
const withoutTypes = ({ ids }: EncodedInput): EncodedInput => ({ ids, typeIds: new Uint8Array(ids.length) });
const expectedOf = ({ cases }: GoldenCheckpoint) => cases.flatMap(({ logits }) => logits ?? []);

async function withNative<T>(
  golden: GoldenCheckpoint,
  dtype: (typeof DTYPES)[number],
  use: (session: NativeSession) => Promise<T>,
  options: Partial<CompileOptions> = {},
): Promise<T> {
  const graph = graphOf(golden, dtype);
  const model = { graph: { ...graph, options: { ...graph.options, ...options } }, device: "cpu", threads: 1 };
  const session = await openNativeSession(model, OPEN_GATE);
  if (session === undefined) throw new Error(`The native engine does not take ${golden.name}.`);
  try {
    return await use(session);
  } finally {
    await session.dispose();
  }
}

/** Vectors of length 1, as the reference has them. */
async function vectorsOf(session: NativeSession, batch: readonly EncodedInput[]): Promise<number[][]> {
  const vectors = await outputsOf(session, batch);
  return vectors.map((vector) => vector.map((value) => value / Math.hypot(...vector)));
}

async function outputsOf(session: NativeSession, batch: readonly EncodedInput[]): Promise<number[][]> {
  const { data, dims } = await session.run(batch);
  const [rows = 0, width = 0] = dims;
  expect(rows).toBe(batch.length);
  return batch.map((_, row) => [...data.subarray(row * width, (row + 1) * width)]);
}

/** The same model with a vocabulary of so many words, of which the new ones are zeros that take no room. */
async function withVocabulary(golden: GoldenCheckpoint, rows: number, weightsPath: string): Promise<GoldenCheckpoint> {
  const name = "embeddings.word_embeddings.weight";
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = {};
  const parts: { start: number; bytes: Uint8Array }[] = [];
  let end = 0;
  await withWeights(golden.weightsPath, async (weights) => {
    for (const [tensor, { dtype, shape }] of weights.tensors) {
      const bytes = await weights.read(tensor);
      const isWords = tensor === name;
      const length = isWords ? (bytes.length / (shape[0] as number)) * rows : bytes.length;
      header[tensor] = {
        dtype,
        shape: isWords ? [rows, ...shape.slice(1)] : [...shape],
        data_offsets: [end, end + length],
      };
      parts.push({ start: end, bytes });
      end += length;
    }
  });
  expect(Object.keys(header)).toContain(name);
  const text = Buffer.from(JSON.stringify(header).padEnd(8192));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  const file = await open(weightsPath, "w");
  try {
    await file.write(Buffer.concat([prefix, text]), 0, 8 + text.length, 0);
    for (const { start, bytes } of parts) await file.write(bytes, 0, bytes.length, 8 + text.length + start);
    await file.truncate(8 + text.length + end);
  } finally {
    await file.close();
  }
  return { ...golden, config: { ...golden.config, vocab_size: rows }, weightsPath };
}

/** The error of ONNX Runtime's int8, whose graph is run one text at a time as well. */
async function runtimeError(golden: GoldenCheckpoint): Promise<number> {
  const { config, weightsPath, cases } = golden;
  const { modelPath } = await withWeights(weightsPath, (weights) =>
    compileModel({ config, weights, dtype: "int8", output: "logits", maskless: true }, join(folder, golden.name)),
  );
  return withSession(modelPath, async (session) => {
    const rows: number[][] = [];
    for (const batch of cases) {
      for (const row of batch.ids.keys()) rows.push(...(await runBatch(session, aloneWithoutPadding(batch, row))));
    }
    return relativeError(rows, expectedOf(golden));
  });
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "native-session-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(nativeMissing)(`the native engine${nativeMissing}`, () => {
  test.each(CHECKPOINTS)("gives logits close to the reference's in int8: $name", async (golden) => {
    const logits = await withNative(golden, "int8", (session) => outputsOf(session, inputsOf(golden)));
    const tolerance = golden.name === "modernbert-blocks" ? LARGE_COLUMNS_TOLERANCE : INT8_TOLERANCE;
    expect(relativeError(logits, expectedOf(golden))).toBeLessThan(tolerance);
  });

  test.skipIf(nativeFloat32Missing).each(CHECKPOINTS)(
    `gives the reference's logits in fp32: $name${nativeFloat32Missing}`,
    async (golden) => {
      const logits = await withNative(golden, "fp32", (session) => outputsOf(session, inputsOf(golden)));
      const expected = expectedOf(golden).flat();
      const differences = logits.flat().map((logit, index) => Math.abs(logit - (expected[index] ?? Number.NaN)));
      expect(differences).toHaveLength(expected.length);
      expect(Math.max(...differences)).toBeLessThan(FP32_TOLERANCE);
    },
  );

  test("is on the whole no further from the reference than ONNX Runtime's int8", async () => {
    let [native, runtime] = [0, 0];
    for (const golden of CHECKPOINTS) {
      const logits = await withNative(golden, "int8", (session) => outputsOf(session, inputsOf(golden)));
      native += relativeError(logits, expectedOf(golden));
      runtime += await runtimeError(golden);
    }
    expect(native).toBeLessThan(runtime);
  });

  describe.each(DTYPES)("in %s", (dtype) => {
    const missing = dtype === "fp32" ? nativeFloat32Missing : "";
    test.skipIf(missing).each(CHECKPOINTS)(
      `gives the same logits to the last bit whatever shares the run: $name${missing}`,
      async (golden) => {
        await withNative(golden, dtype, async (session) => {
          const inputs = inputsOf(golden);
          const together = await outputsOf(session, inputs);
          expect(await outputsOf(session, inputs.toReversed())).toEqual(together.toReversed());
          for (const [index, input] of inputs.entries())
            expect(await outputsOf(session, [input])).toEqual([together[index]]);
        });
      },
    );
  });

  test("names the output that the steps look for", async () => {
    await withNative(goldenCheckpoint("bert-two-labels-blocks"), "int8", async (session) => {
      expect(session.outputNames).toEqual(["logits"]);
      expect(session.outputDims("logits")).toEqual(["batch", 2]);
      expect(session.outputDims("embedding")).toBeUndefined();
    });
  });

  describe.each(EMBEDDERS)("for the embedder $name", (golden) => {
    // 0.079 was measured of a ModernBERT's first rows.
    const int8Tolerance = golden.name.startsWith("modernbert") ? 0.12 : 0.05;
    test.each(["mean", "cls"] as const)("gives the reference's vectors, by pooling %s", async (pooling) => {
      const options = { output: "embedding", pooling, normalize: false } as const;
      const expected = golden.cases.flatMap((each) => each[pooling] ?? []);
      expect(expected.length).toBe(10);
      for (const dtype of DTYPES) {
        if (dtype === "fp32" && nativeFloat32Missing) continue;
        await withNative(
          golden,
          dtype,
          async (session) => {
            expect(session.outputNames).toEqual(["embedding"]);
            expect(session.outputDims("embedding")).toEqual(["batch", 64]);
            const vectors = await vectorsOf(session, inputsOf(golden).map(withoutTypes));
            expect(relativeError(vectors, expected)).toBeLessThan(dtype === "fp32" ? 1e-5 : int8Tolerance);
            // One behind the other, in any company, to the last bit.
            const reversed = await vectorsOf(session, inputsOf(golden).map(withoutTypes).toReversed());
            expect(reversed).toEqual(vectors.toReversed());
          },
          options,
        );
      }
    });
  });

  test.each(DTYPES)("leaves a very large vocabulary in its file: %s", async (dtype) => {
    if (dtype === "fp32" && nativeFloat32Missing) return;
    const golden = goldenCheckpoint("xlm-roberta-embedder-blocks");
    const options = { output: "embedding", pooling: "mean", normalize: false } as const;
    const small = await withNative(golden, dtype, (session) => outputsOf(session, inputsOf(golden)), options);
    const large = await withVocabulary(golden, 600_000, join(folder, "large.safetensors"));
    await withNative(
      large,
      dtype,
      async (session) => {
        const vectors = await outputsOf(session, inputsOf(golden));
        // In int8 words in memory are bfloat16, and outliers are found by pieces of the whole vocabulary; 0.011 was measured.
        expect(relativeError(vectors, small)).toBeLessThan(dtype === "fp32" ? 1e-9 : 0.03);
        await truncate(large.weightsPath, 10_000);
        await expect(session.run(inputsOf(golden).slice(0, 1))).rejects.toMatchObject({
          code: "inference_failed",
          message: expect.stringMatching(/file of the model's words/),
        });
      },
      options,
    );
  });

  test("refuses a token that the model does not know", async () => {
    const input = { ids: Int32Array.of(1, 97), typeIds: Uint8Array.of(0, 0) };
    await withNative(goldenCheckpoint("bert-blocks"), "int8", async (session) => {
      await expect(session.run([input])).rejects.toMatchObject({
        code: "inference_failed",
        cause: { name: "RangeError" },
      });
    });
  });
});
