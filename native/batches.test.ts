import { expect, it } from "vitest";
import type { NativeShape } from "../src/inference/native/native-addon.ts";
import { outputWidth, randomNumbers, randomPair, randomTensors, smallShape } from "./random-model.suite.ts";
import { describeKernels, KERNELS, type Kernels } from "./tested-kernels.suite.ts";

/** Every length up to 512 alone, then the same pairs in random company: logits to the last bit. */
function expectSameInAnyCompany(
  kernels: Kernels,
  changes: Partial<NativeShape>,
  scoreFactor: number,
  mixes: number,
): void {
  const shape = smallShape({ positions: 512, labels: 2, ...changes });
  const width = outputWidth(shape);
  const model = kernels.createModel(shape, randomTensors(shape, 11, scoreFactor));
  const random = randomNumbers(12);
  const pairs = Array.from({ length: 512 }, (_, i) => randomPair(shape, i + 1, random));
  const alone = pairs.map((pair) => model.run([pair]));
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
    for (const [place, index] of chosen.entries()) {
      expect([...together.subarray(width * place, width * (place + 1))], `${index + 1} tokens at ${place}`).toEqual([
        ...(alone[index] ?? []),
      ]);
    }
  }
}

describeKernels("a pair's logits, whatever shares the run,", KERNELS, (kernels) => {
  it("are the same with heads of 32", () => expectSameInAnyCompany(kernels, { layers: 3 }, 1, 300));
  it("are the same with heads of 64", () => expectSameInAnyCompany(kernels, { hidden: 128, layers: 2 }, 1, 200));
  it("are the same where products end in half a chunk", () =>
    expectSameInAnyCompany(kernels, { hidden: 192, heads: 6, inner: 320, layers: 3 }, 1, 60));
  it("are the same where a product's inputs go in parts", () =>
    expectSameInAnyCompany(kernels, { inner: 832, layers: 2 }, 1, 60));
  it("are the same where scores are large", () => expectSameInAnyCompany(kernels, { layers: 2 }, 12, 200));
  it("are the same where they are a vector: the first row", () =>
    expectSameInAnyCompany(kernels, { output: "first", layers: 2 }, 1, 60));
  it("are the same where they are a vector: the mean of rows", () =>
    expectSameInAnyCompany(kernels, { output: "mean", layers: 2 }, 1, 60));
  it("are the same where positions go past 512", () =>
    expectSameInAnyCompany(kernels, { positions: 600, layers: 2 }, 1, 100));
  it("are the same after longer and shorter runs of the same model", () => {
    const shape = smallShape({ positions: 8192 });
    const model = kernels.createModel(shape, randomTensors(shape, 13));
    const random = randomNumbers(14);
    const [short, long] = [randomPair(shape, 9, random), randomPair(shape, 8192, random)];
    const [before] = model.run([short]);
    expect(model.run([long])[0]).toBe(model.run([long])[0]);
    expect(model.run([short])[0]).toBe(before);
  });
});
