import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileModel } from "../compiler/compile-model.ts";
import { aloneWithoutPadding, goldenCheckpoint, withWeights } from "../compiler/golden-checkpoint.suite.ts";
import type { EncodedInput } from "../inputs/pair-encoder.ts";
import { openSession } from "./onnx-session.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const DECODERS = ["qwen2", "qwen2-classifier", "qwen2-untied", "qwen3", "qwen3-classifier", "qwen3-untied"];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shared-prefix-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A session of a tiny checkpoint, and how often its graph was run. */
async function openGolden(name: string, dtype: "fp32" | "int8") {
  const { config, weightsPath, cases } = goldenCheckpoint(name);
  const quantized = dtype === "int8";
  const target = join(folder, `${name}-${dtype}`);
  const options = { dtype, output: "logits", maskless: quantized, answerTokens: cases[0]?.answers } as const;
  const { modelPath } = await withWeights(weightsPath, (weights) =>
    compileModel({ config, weights, ...options }, target),
  );
  const counted = { runs: 0 };
  const gate = {
    pass<T>(work: () => Promise<T>) {
      counted.runs++;
      return work();
    },
  };
  const session = await openSession({ onnxPath: modelPath, device: "cpu", threads: 1, padTokenId: 0, quantized, gate });
  counted.runs = 0;
  return { session, cases, counted };
}

function input(ids: readonly number[], prefixTokens?: number): EncodedInput {
  return { ids: Int32Array.from(ids), typeIds: new Uint8Array(ids.length), prefixTokens };
}

function largestDifference(one: ArrayLike<number>, other: ArrayLike<number>): number {
  expect(one).toHaveLength(other.length);
  return Math.max(...Array.from(one, (value, i) => Math.abs(value - (other[i] as number))));
}

/** Texts of many lengths that begin alike. */
const START = [5, 9, 13, 17, 21, 25, 29, 33, 37, 41];
const ENDS = [[7], [11, 3, 2, 8, 40, 41, 42], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14], [0, 0, 9]];

describe.each(DECODERS)("%s", (name) => {
  test("gives the reference's logits behind a prefix of any length", async () => {
    const { session, cases } = await openGolden(name, "fp32");
    for (const batch of cases) {
      for (const [row, expected] of (batch.logits ?? []).entries()) {
        const [ids = []] = aloneWithoutPadding(batch, row).ids;
        // A token is left to be read behind the prefix.
        const lengths = [0, 1, Math.floor(ids.length / 2), ids.length - 1].filter((length) => length < ids.length);
        for (const length of new Set(lengths)) {
          const { data, dims } = await session.run([input(ids, length)], "logits");
          expect(dims).toEqual([1, expected.length]);
          expect(largestDifference(data, expected), `${batch.name}, ${row}, ${length}`).toBeLessThan(1e-4);
        }
      }
    }
    await session.dispose();
  });

  test("gives in a padded batch what it gives without a prefix", async () => {
    const { session } = await openGolden(name, "fp32");
    const whole = ENDS.map((end) => input([...START, ...end]));
    const behind = ENDS.map((end) => input([...START, ...end], START.length));
    const expected = await session.run(whole, "logits");
    const { data, dims } = await session.run(behind, "logits");
    expect(dims).toEqual(expected.dims);
    expect(largestDifference(data, expected.data)).toBeLessThan(1e-5);
    await session.dispose();
  });
});

describe("a prefix", () => {
  test("is read once, and again after many others", async () => {
    const { session, counted } = await openGolden("qwen3", "fp32");
    const batch = ENDS.map((end) => input([...START, ...end], START.length));
    await session.run(batch, "logits");
    expect(counted.runs).toBe(2);
    await session.run(batch.slice(1), "logits");
    expect(counted.runs).toBe(3);
    for (let other = 0; other < 8; other++) await session.run([input([other, ...START, 1], START.length)], "logits");
    expect(counted.runs).toBe(19);
    await session.run(batch, "logits");
    expect(counted.runs).toBe(21);
    await session.dispose();
  });

  test("is let go of when others came", async () => {
    const { session } = await openGolden("qwen3", "fp32");
    const buffersAfter = async (first: number, last: number) => {
      for (let i = first; i < last; i++) {
        const ids = [i % 90, i % 7, ...START, 7];
        await session.run([input(ids, ids.length - 1)], "logits");
      }
      // Buffers of collected tensors are released in later turns of the event loop.
      for (let turn = 0; turn < 10; turn++) {
        collectGarbage();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return process.memoryUsage().arrayBuffers;
    };
    const before = await buffersAfter(0, 10);
    // 120 prefixes have 690 kB of keys and values.
    expect((await buffersAfter(10, 130)) - before).toBeLessThan(100_000);
    await session.dispose();
  });

  test("of one text is not taken for another's in the same batch", async () => {
    const { session } = await openGolden("qwen2", "fp32");
    const other = START.map((id) => id + 1);
    const batch = [
      input([...START, 7, 8], START.length),
      input([...other, 7, 8], START.length),
      input([...START, 7, 9], START.length - 1),
      input([...other, 1, 2, 3]),
      input([...START, 2], START.length),
    ];
    const { data } = await session.run(batch, "logits");
    const alone: number[] = [];
    for (const { ids } of batch) alone.push(...(await session.run([input([...ids])], "logits")).data);
    expect(largestDifference(data, alone)).toBeLessThan(1e-5);
    await session.dispose();
  });

  test.each(DECODERS)("gives the same bits in int8 whatever was read before: %s", async (name) => {
    const { session } = await openGolden(name, "int8");
    expect(session.maxBatch).toBe(1);
    const texts = ENDS.map((end) => input([...START, ...end], START.length));
    const score = async (text: EncodedInput) => [...(await session.run([text], "logits")).data];
    const first: number[][] = [];
    for (const text of texts) first.push(await score(text));
    for (const [i, text] of [...texts.entries()].reverse()) {
      await score(input([i, ...START, 1], START.length));
      expect(await score(text)).toEqual(first[i]);
    }
    const { session: fresh } = await openGolden(name, "int8");
    expect([...(await fresh.run([texts[2] as EncodedInput], "logits")).data]).toEqual(first[2]);
    await session.dispose();
    await fresh.dispose();
  });
});
