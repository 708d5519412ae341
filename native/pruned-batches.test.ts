import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import type { PrunedShape, PrunedTensor } from "../src/inference/native/native-addon.ts";
import { randomNumbers } from "./random-model.suite.ts";
import { randomPrunedTensors, randomTexts, smallPrunedShape } from "./random-pruned-model.suite.ts";
import type { EncodedPair } from "./reference-model.suite.ts";
import { addonPath, describeKernels, INT8_KERNELS, type Kernels } from "./tested-kernels.suite.ts";

/** Every length up to 512 alone, then the same pairs in random company: logits to the last bit. */
function expectSameInAnyCompany(
  kernels: Kernels,
  changes: Partial<PrunedShape>,
  scoreFactor: number,
  mixes: number,
): void {
  const shape = smallPrunedShape({ positions: 512, ...changes });
  const model = kernels.createPrunedModel(shape, randomPrunedTensors(shape, 11, scoreFactor));
  const random = randomNumbers(12);
  const queries = [1, 2, 7].map((length) => randomTexts(shape, length, random).ids);
  const pairs = Array.from({ length: 512 }, (_, i) => {
    const pair = randomTexts(shape, i + 1, random);
    // Every second one has a query that others have too, so that runs have groups of one query.
    return i % 2 === 0 ? pair : withQuery(pair, queries[(i >> 1) % 3] ?? []);
  });
  const alone = pairs.map((pair) => model.run([pair])[0]);
  for (let mix = 0; mix < mixes; mix++) {
    const chosen: number[] = [];
    // Short and long runs, of short and of long texts.
    const [most, longest] = [64 << (mix % 7), 8 << (mix % 8)];
    for (let tokens = 0, next = 0; tokens + next <= Math.min(most, 4096); tokens += next) {
      if (next > 0) chosen.push(next - 1);
      next = 1 + Math.floor(random() * Math.min(longest, 512));
    }
    if (chosen.length === 0) continue;
    const together = model.run(chosen.map((index) => pairs[index] ?? { ids: [], types: [] }));
    expect([...together]).toEqual(chosen.map((index) => alone[index]));
  }
}

function withQuery({ ids }: EncodedPair, query: readonly number[]): EncodedPair {
  const own = query.slice(0, ids.length);
  return { ids: [...own, ...ids.slice(own.length)], types: ids.map((_, token) => Number(token >= own.length)) };
}

/** In a thread of its own: the same pair over and over, beside others. */
function scoreInThread(
  shape: PrunedShape,
  tensors: readonly PrunedTensor[],
  { vectors, units }: Kernels,
): Promise<readonly number[]> {
  const code = `
    const { parentPort, workerData: { path, shape, tensors, units } } = require("node:worker_threads");
    const addon = require(path);
    const model = addon.createPrunedModel(shape, tensors, units);
    const seen = new Set();
    for (let i = 0; i < 500; i++) {
      const other = 1 + (i % 90);
      const ids = Int32Array.from({ length: 30 + other }, (_, t) => (t < 30 ? t : (t * i) % 101));
      const types = Int32Array.from(ids, (_, t) => Number((t > 9 && t < 30) || t > 30));
      seen.add(addon.run(model, ids, types, Int32Array.of(30, other))[0]);
    }
    addon.release(model);
    parentPort.postMessage([...seen]);`;
  const worker = new Worker(code, { eval: true, workerData: { path: addonPath(vectors), shape, tensors, units } });
  return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
}

describeKernels("a pair's logit in the package's own reranker, whatever shares the run,", INT8_KERNELS, (kernels) => {
  it("is the same with two heads", () => expectSameInAnyCompany(kernels, {}, 1, 300));
  it("is the same with four heads", () =>
    expectSameInAnyCompany(kernels, { hidden: 128, heads: 4, layers: 2 }, 1, 200));
  it("is the same where scores are large", () => expectSameInAnyCompany(kernels, { layers: 2 }, 30, 200));
  it("is the same where nothing is dropped", () =>
    expectSameInAnyCompany(kernels, { keepPercent: 100, keepUncounted: 0, layers: 2 }, 1, 100));

  it("is the same after longer and shorter runs of the same model", () => {
    const shape = smallPrunedShape({ positions: 512 });
    const model = kernels.createPrunedModel(shape, randomPrunedTensors(shape, 13));
    const random = randomNumbers(14);
    const [short, long] = [randomTexts(shape, 9, random), randomTexts(shape, 512, random)];
    const [before] = model.run([short]);
    model.run([long, long, long, long, long, long, long, long]);
    expect(model.run([short])[0]).toBe(before);
  });

  it("is the same in several threads at once, which end", async () => {
    const shape = smallPrunedShape();
    const tensors = randomPrunedTensors(shape, 21);
    const results = await Promise.all([1, 2, 3].map(() => scoreInThread(shape, tensors, kernels)));
    expect(results[0]).toHaveLength(1);
    for (const result of results) expect(result).toEqual(results[0]);
  });

  it("costs no memory that stays: 2,000 runs and 100 models", () => {
    const shape = smallPrunedShape();
    const tensors = randomPrunedTensors(shape, 22);
    const work = () => {
      for (let i = 0; i < 50; i++) kernels.createPrunedModel(shape, tensors).release();
      const model = kernels.createPrunedModel(shape, tensors);
      const random = randomNumbers(23);
      for (let i = 0; i < 1000; i++) model.run([randomTexts(shape, 1 + (i % 128), random)]);
      model.release();
      return process.memoryUsage().rss;
    };
    work();
    const before = work();
    // A model of this shape has over 2 MB; a hundred that stayed would be 200.
    expect(work() - before).toBeLessThan(60e6);
  });
});
