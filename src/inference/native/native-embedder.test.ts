import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixtureModel, type GoldenPairs, readFixture } from "../fixture-models.suite.ts";
import { SentenceEncoder, type SentenceEncoderOptions } from "../sentence-encoder.ts";
import { nativeFloat32Missing, nativeMissing } from "./native-engine.suite.ts";

/** A cross-encoder's checkpoint, of which an embedder reads all but the head. */
const NAME = "tiny-bert-blocks";
const { pairs } = readFixture<GoldenPairs>(`${NAME}/golden.json`);
const texts = [...pairs.map(({ document }) => document), "", "Berlin ".repeat(200)];

let folder: string;
let before: string | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "native-embedder-"));
  before = process.env["PGVECTORDB_NATIVE"];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Workers read the variable when they start. */
async function withEngine<T>(
  engine: "native" | "onnxruntime",
  options: Partial<SentenceEncoderOptions>,
  use: (encoder: SentenceEncoder) => Promise<T>,
): Promise<T> {
  if (engine === "onnxruntime") process.env["PGVECTORDB_NATIVE"] = "off";
  const source = { model: fixtureModel(NAME), dtype: "fp32", device: "cpu", maxLength: 64, batchSize: 8 } as const;
  const encoder = new SentenceEncoder({ ...source, cacheDir: join(folder, engine), ...options });
  try {
    return await use(encoder);
  } finally {
    await encoder.close();
    if (before === undefined) delete process.env["PGVECTORDB_NATIVE"];
    else process.env["PGVECTORDB_NATIVE"] = before;
  }
}

const embedAll = (encoder: SentenceEncoder) => encoder.embed(texts);
const difference = (a: readonly Float32Array[], b: readonly Float32Array[]) =>
  Math.max(...a.flatMap((vector, i) => Array.from(vector, (value, d) => Math.abs(value - (b[i]?.[d] ?? Number.NaN)))));

describe.skipIf(nativeMissing)(`an embedder in our own kernels${nativeMissing}`, () => {
  test.skipIf(nativeFloat32Missing).each([
    { pooling: "mean", normalize: true },
    { pooling: "cls", normalize: true },
    { pooling: "mean", normalize: false },
  ] as const)(`gives ONNX Runtime's vectors in fp32, by %o${nativeFloat32Missing}`, async (options) => {
    const native = await withEngine("native", options, embedAll);
    await expect(stat(join(folder, "native"))).rejects.toMatchObject({ code: "ENOENT" });
    const runtime = await withEngine("onnxruntime", options, embedAll);
    expect(native).toHaveLength(texts.length);
    expect(native).not.toEqual(runtime);
    expect(difference(native, runtime)).toBeLessThan(1e-5);
    expect(Math.abs(Math.hypot(...(native[0] as Float32Array)) - 1) < 1e-6).toBe(options.normalize);
  });

  test("gives vectors near to those in int8, the same to the last bit in any company", async () => {
    const runtime = await withEngine("onnxruntime", {}, embedAll);
    await withEngine("native", { dtype: "int8" }, async (encoder) => {
      expect(await encoder.load()).toBe(64);
      const native = await encoder.embed(texts);
      expect(await encoder.embed(texts.toReversed())).toEqual(native.toReversed());
      for (const [i, text] of texts.entries()) expect(await encoder.embed([text])).toEqual([native[i]]);
      const cosines = native.map((vector, i) => vector.reduce((sum, x, d) => sum + x * (runtime[i]?.[d] ?? 0), 0));
      // 0.9993 was measured.
      expect(Math.min(...cosines)).toBeGreaterThan(0.995);
    });
  });
});
