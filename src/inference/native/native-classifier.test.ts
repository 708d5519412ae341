import { cp, mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixtureClassifier, fixtureModel, type GoldenPairs, readFixture } from "../fixture-models.suite.ts";
import type { SequenceClassifier, SequenceClassifierOptions } from "../sequence-classifier.ts";
import { nativeMissingInOneWorker, preferKernels } from "./native-engine.suite.ts";

const NAME = "tiny-bert-blocks";
const QUERY = "How many people live in Berlin?";
const { pairs } = readFixture<GoldenPairs>(`${NAME}/golden.json`);
const documents = pairs.map(({ document }) => document);
preferKernels();
const missing = await nativeMissingInOneWorker();

let folder: string;
let before: string | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "native-classifier-"));
  before = process.env["PGVECTORDB_NATIVE"];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Workers read the variable when they start. What it says of our own kernels stays. */
async function withEngine<T>(
  engine: "native" | "onnxruntime",
  options: Partial<SequenceClassifierOptions>,
  use: (classifier: SequenceClassifier) => Promise<T>,
): Promise<T> {
  if (engine === "onnxruntime") process.env["PGVECTORDB_NATIVE"] = "off";
  const cacheDir = join(folder, engine);
  const classifier = fixtureClassifier(NAME, { dtype: "int8", workers: 1, cacheDir, ...options });
  try {
    return await use(classifier);
  } finally {
    await classifier.close();
    if (before === undefined) delete process.env["PGVECTORDB_NATIVE"];
    else process.env["PGVECTORDB_NATIVE"] = before;
  }
}

/** A copy of the model in which `change` was done to the file of its weights. */
async function damaged(name: string, change: (path: string) => Promise<void>): Promise<string> {
  const model = join(folder, name);
  await cp(fixtureModel(NAME), model, { recursive: true });
  await change(join(model, "model.safetensors"));
  return model;
}

async function changeHeader(path: string, change: (header: string) => string): Promise<void> {
  const file = await readFile(path);
  const dataStart = 8 + Number(file.readBigUInt64LE(0));
  file.write(change(file.subarray(8, dataStart).toString()), 8);
  await writeFile(path, file);
}

describe.skipIf(missing)(`a model in our own kernels${missing}`, () => {
  test("gives logits close to sentence-transformers', and compiles nothing", async () => {
    await withEngine("native", {}, async (classifier) => {
      for (const { query, document, logits } of pairs) {
        const scored = await classifier.score(query, [document]);
        expect(Math.abs((scored.logits[0] as number) - (logits[0] as number))).toBeLessThan(0.1);
      }
    });
    await expect(stat(join(folder, "native"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("is not used when it is switched off", async () => {
    const scoreAll = async (classifier: SequenceClassifier) => (await classifier.score(QUERY, documents)).logits;
    const native = await withEngine("native", {}, scoreAll);
    const runtime = await withEngine("onnxruntime", {}, scoreAll);
    expect((await stat(join(folder, "onnxruntime", ".pgvectordb"))).isDirectory()).toBe(true);
    expect(native).not.toEqual(runtime);
    for (const [index, logit] of native.entries())
      expect(Math.abs(logit - (runtime[index] as number))).toBeLessThan(0.2);
  });

  test("gives a pair the same score to the last bit, whatever else is in the call and however large a run may be", async () => {
    const scored = await Promise.all(
      [{}, { batchSize: 1 }, { batchSize: 3 }, { workers: 2 }].map((options) =>
        withEngine("native", options, async (classifier) => ({
          forwards: (await classifier.score(QUERY, documents)).logits,
          backwards: (await classifier.score(QUERY, documents.toReversed())).logits.toReversed(),
        })),
      ),
    );
    for (const { forwards, backwards } of scored) {
      expect(forwards).toEqual(scored[0]?.forwards);
      expect(backwards).toEqual(scored[0]?.forwards);
    }
  });

  test("scores a document that is split as its best window alone", async () => {
    const long = "Berlin had a population of registered inhabitants. ".repeat(40);
    await withEngine("native", { longDocuments: { mode: "split" } }, async (classifier) => {
      const { logits, spans } = await classifier.score(QUERY, ["a dog", long]);
      const { index, start, end } = spans[0] ?? { index: -1, start: 0, end: 0 };
      expect(index).toBe(1);
      expect((await classifier.score(QUERY, [long.slice(start, end)])).logits[0]).toBe(logits[1]);
    });
  });

  test("names the document whose score is not a number, and spoils no other", async () => {
    const ids = readFixture<{ model: { vocab: Record<string, number> } }>(`${NAME}/tokenizer.json`).model.vocab;
    const model = await damaged("overflow", async (path) => {
      const file = await readFile(path);
      const dataStart = 8 + Number(file.readBigUInt64LE(0));
      const header = JSON.parse(file.subarray(8, dataStart).toString());
      const table = dataStart + header["bert.embeddings.word_embeddings.weight"].data_offsets[0];
      // The sum of this row is beyond float32.
      for (let i = 0; i < 64; i++) file.writeFloatLE(3e38, table + ((ids["[MASK]"] as number) * 64 + i) * 4);
      await writeFile(path, file);
    });
    const whole = await withEngine("native", {}, (classifier) => classifier.score(QUERY, ["a", "b", "c"]));
    await withEngine("native", { model }, async (classifier) => {
      expect((await classifier.score(QUERY, ["a", "b", "c"])).logits).toEqual(whole.logits);
      await expect(classifier.score(QUERY, ["a", "b", "[MASK]", "c"])).rejects.toMatchObject({
        code: "inference_failed",
        message: expect.stringMatching(/document 2/),
      });
    });
    await expect(stat(join(folder, "native"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test.each<[string, (path: string) => Promise<void>]>([
    ["cut", (path) => truncate(path, 10_000)],
    [
      "nameless",
      (path) => changeHeader(path, (header) => header.replace("bert.pooler.dense.bias", "bert.pooler.dense.bi__")),
    ],
    ["misshapen", (path) => changeHeader(path, (header) => header.replace('"shape":[64,64]', '"shape":[32,128]'))],
    ["integers", (path) => changeHeader(path, (header) => header.replace('"dtype":"F32"', '"dtype":"I32"'))],
  ])("is refused as the compiler refuses it where its file is damaged: %s", async (name, change) => {
    const model = await damaged(name, change);
    const errorOf = (engine: "native" | "onnxruntime") =>
      withEngine(engine, { model }, (classifier) =>
        classifier.load().then(
          () => undefined,
          ({ code, message }: { code: string; message: string }) => ({ code, message }),
        ),
      );
    const native = await errorOf("native");
    expect(native).toMatchObject({ code: "model_invalid" });
    expect(native).toEqual(await errorOf("onnxruntime"));
  });
});
