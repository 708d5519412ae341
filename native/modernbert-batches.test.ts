import { expect, it } from "vitest";
import type { ModernbertShape } from "../src/inference/native/native-addon.ts";
import { randomNumbers } from "./random-model.suite.ts";
import { randomModernbertTensors, randomText, smallModernbertShape } from "./random-modernbert.suite.ts";
import { describeKernels, KERNELS, type Kernels } from "./tested-kernels.suite.ts";

/** Texts of many lengths alone, then in random company: outputs to the last bit. */
function expectSameInAnyCompany(
  kernels: Kernels,
  changes: Partial<ModernbertShape>,
  mixes: number,
  scoreFactor = 1,
): void {
  const shape = smallModernbertShape({ positions: 512, reach: 20, labels: 2, ...changes });
  const width = shape.output === "logits" ? 2 : shape.hidden;
  const model = kernels.createModernbertModel(shape, randomModernbertTensors(shape, 11, scoreFactor));
  const random = randomNumbers(12);
  const lengths = [
    ...Array.from({ length: 150 }, (_, i) => i + 1),
    ...Array.from({ length: 30 }, (_, i) => 160 + 12 * i),
  ];
  const texts = lengths.map((length) => randomText(shape, length, random));
  const alone = texts.map((text) => [...model.run([text])]);
  for (let mix = 0; mix < mixes; mix++) {
    const chosen: number[] = [];
    // Short and long runs, of short and of long texts.
    const [most, among] = [64 << (mix % 7), Math.min(texts.length, 8 << (mix % 6))];
    for (let tokens = 0, next = -1; tokens <= Math.min(most, 4096); tokens += lengths[next] as number) {
      if (next >= 0) chosen.push(next);
      next = Math.floor(random() * among);
    }
    if (chosen.length === 0) continue;
    const together = model.run(chosen.map((index) => texts[index] ?? { ids: [], types: [] }));
    for (const [place, index] of chosen.entries()) {
      const found = together.subarray(width * place, width * (place + 1));
      expect([...found], `${lengths[index]} tokens at ${place}`).toEqual(alone[index]);
    }
  }
}

describeKernels("what a ModernBERT gives for a text, whatever shares the run,", KERNELS, (kernels) => {
  it("is the same with heads of 32", () => expectSameInAnyCompany(kernels, {}, 150));
  it("is the same with heads of 64", () => expectSameInAnyCompany(kernels, { hidden: 128, layers: 2 }, 80));
  it("is the same with means of all rows", () => expectSameInAnyCompany(kernels, { pooling: "mean", layers: 2 }, 80));
  it.each(["cls", "mean"] as const)("is the same of an embedder, by %s", (pooling) =>
    expectSameInAnyCompany(kernels, { output: "embedding", pooling, layers: 2 }, 60),
  );
  it("is the same where the last layer is local", () => expectSameInAnyCompany(kernels, { layers: 2 }, 80));
  it("is the same where scores are large", () => expectSameInAnyCompany(kernels, { layers: 2 }, 80, 12));
  it("is the same after longer and shorter runs of the same model", () => {
    const shape = smallModernbertShape({ positions: 8192, reach: 64, layers: 2 });
    const model = kernels.createModernbertModel(shape, randomModernbertTensors(shape, 13));
    const random = randomNumbers(14);
    const [short, long] = [randomText(shape, 9, random), randomText(shape, 8192, random)];
    const [before] = model.run([short]);
    expect(model.run([long])[0]).toBe(model.run([long])[0]);
    expect(model.run([short])[0]).toBe(before);
  });
});

describeKernels("a ModernBERT", KERNELS, (kernels) => {
  it("does not see in a local layer what is out of reach", () => {
    const shape = smallModernbertShape({ positions: 512, reach: 20, layers: 2, isGlobal: new Uint8Array(2) });
    const model = kernels.createModernbertModel(shape, randomModernbertTensors(shape, 15));
    const random = randomNumbers(16);
    const { ids } = randomText(shape, 300, random);
    const run = (other: readonly number[]) => model.run([{ ids: other, types: other.map(() => 0) }])[0];
    const withOther = (place: number) => ids.with(place, ((ids[place] as number) + 1) % shape.vocabulary);
    // The first row sees the twentieth token behind it, and by way of that one twenty more.
    expect(run(withOther(41))).toBe(run(ids));
    expect(run(ids.slice(0, 41))).not.toBe(run(ids.slice(0, 40)));
    expect(run(withOther(40))).not.toBe(run(ids));
    expect(run(withOther(20))).not.toBe(run(ids));
  });
});
