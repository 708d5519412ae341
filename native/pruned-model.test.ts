import { expect, it } from "vitest";
import type { PrunedShape, PrunedTensor } from "../src/inference/native/native-addon.ts";
import { randomNumbers } from "./random-model.suite.ts";
import { randomPrunedTensors, randomTexts, smallPrunedShape } from "./random-pruned-model.suite.ts";
import type { EncodedPair } from "./reference-model.suite.ts";
import { PrunedReference } from "./reference-pruned-model.suite.ts";
import { describeKernels, INT8_KERNELS, type Kernels } from "./tested-kernels.suite.ts";

const shapes: Readonly<Record<string, PrunedShape>> = {
  "two heads": smallPrunedShape(),
  "four heads": smallPrunedShape({ hidden: 128, heads: 4, inner: 64 }),
  "the shipped model's widths": smallPrunedShape({ hidden: 384, inner: 768, heads: 12, layers: 2 }),
  "one layer": smallPrunedShape({ layers: 1 }),
  "nothing dropped": smallPrunedShape({ keepPercent: 100, keepUncounted: 0, keepAtLeast: 0 }),
  "a whole document of no token": smallPrunedShape({ keepPercent: 0, keepAtLeast: 0 }),
  "fewer tokens than are not counted, and none at the least": smallPrunedShape({ keepUncounted: 64, keepAtLeast: 0 }),
  "long texts": smallPrunedShape({ positions: 512, layers: 2 }),
};
const names = Object.keys(shapes);

function textsFor(shape: PrunedShape): EncodedPair[] {
  const random = randomNumbers(7);
  const lengths = Array.from({ length: shape.hidden > 64 ? 8 : 24 }, (_, i) => 1 + ((i * 29) % 97));
  if (shape.positions === 512) lengths.push(333, 512);
  return lengths.map((length) => randomTexts(shape, length, random));
}

/** How far the addon's logits are from the reference's, in standard deviations of the latter. */
function compare(
  shape: PrunedShape,
  tensors: readonly PrunedTensor[],
  kernels: Kernels,
  pairs: readonly EncodedPair[] = textsFor(shape),
) {
  const reference = new PrunedReference(shape, tensors);
  const expected = pairs.map((pair) => reference.logit(pair));
  const ours = [...kernels.createPrunedModel(shape, tensors).run(pairs)];
  const mean = expected.reduce((sum, x) => sum + x, 0) / expected.length;
  const deviation = Math.sqrt(expected.reduce((sum, x) => sum + (x - mean) ** 2, 0) / expected.length);
  const differences = ours.map((logit, i) => Math.abs(logit - (expected[i] as number)) / deviation);
  return {
    largest: Math.max(...differences),
    typical: Math.sqrt(differences.reduce((sum, x) => sum + x * x, 0) / ours.length),
  };
}

describeKernels("the package's own reranker in the native engine", INT8_KERNELS, (kernels) => {
  // 0.003 to 0.016 were measured. A mask, a position, a tie or a weight that is wrong gives 0.02 to 1.
  it.each(names)("is close to the model without rounding: %s", (name) => {
    const shape = shapes[name] as PrunedShape;
    const found = compare(shape, randomPrunedTensors(shape, 1), kernels);
    expect(found.typical).toBeLessThan(0.02);
    expect(found.largest).toBeLessThan(0.06);
  });

  it.each(names)("is the model to a few thousandths where there is one layer: %s", (name) => {
    const shape = { ...(shapes[name] as PrunedShape), layers: 1 };
    const found = compare(shape, randomPrunedTensors(shape, 2), kernels);
    // Wider rows have more values that are rounded, and eight pairs say less. With AVX2 there are fewer steps: 0.0048 at the most of narrow ones.
    expect(found.typical).toBeLessThan(shape.hidden > 64 ? 0.012 : kernels.vectors === "avx2" ? 0.006 : 0.004);
  });

  it("goes the careful way where scores are large", () => {
    const shape = smallPrunedShape({ layers: 1 });
    const found = compare(shape, randomPrunedTensors(shape, 3, 30), kernels);
    expect(found.typical).toBeLessThan(0.03);
  });

  it("keeps its digits where some columns are many times as large as the others", () => {
    const shape = smallPrunedShape({ hidden: 128, heads: 4, inner: 64 });
    const tensors = randomPrunedTensors(shape, 6);
    for (let layer = 0; layer < shape.layers; layer++) {
      const biases = tensors[8 + 22 * layer + 13] as Float32Array;
      for (const column of [3, 40, 41, 77, 127]) biases[column] = 25;
    }
    const found = compare(shape, tensors, kernels);
    // 0.0006, and 0.0032 where each column has one byte.
    expect(found.typical).toBeLessThan(0.0015);
  });

  it("reads texts of a few tokens, and pairs without a document or without a query, as the graph would", () => {
    const pairs = [
      { ids: [9], types: [0] },
      { ids: [9, 8], types: [0, 1] },
      { ids: [9, 8], types: [0, 0] },
      { ids: [9, 8, 7, 6, 8], types: [0, 0, 0, 0, 0] },
      { ids: [9, 8, 8], types: [0, 0, 1] },
      { ids: [9, 8, 1, 2, 3, 9, 8], types: [0, 0, 1, 1, 1, 1, 1] },
    ];
    for (const [layers, bound] of [
      [1, 0.01],
      [3, 0.02],
    ] as const) {
      const shape = smallPrunedShape({ layers });
      expect(compare(shape, randomPrunedTensors(shape, 4), kernels, pairs).largest).toBeLessThan(bound);
    }
  });

  it("reads a query that leaves no room for a document, and one that leaves room for one token", () => {
    const shape = smallPrunedShape({ positions: 512, layers: 2 });
    const random = randomNumbers(8);
    const pairs = [512, 511, 510, 496, 100].map((query) => {
      const ids = Array.from({ length: 512 }, () => Math.floor(random() * shape.vocabulary));
      return { ids, types: ids.map((_, token) => Number(token >= query)) };
    });
    expect(compare(shape, randomPrunedTensors(shape, 9), kernels, pairs).largest).toBeLessThan(0.06);
  });

  it("shows in its logit that a value went beyond float32", () => {
    const shape = smallPrunedShape();
    const tensors = randomPrunedTensors(shape, 5);
    const scales = tensors[1] as Float32Array;
    scales[7] = 3e38;
    const model = kernels.createPrunedModel(shape, tensors);
    const logits = model.run([
      { ids: [1, 2, 3], types: [0, 0, 1] },
      { ids: [1, 7, 3], types: [0, 0, 1] },
      { ids: [1, 2, 3], types: [0, 0, 1] },
    ]);
    expect(logits[1]).toBeNaN();
    expect(logits[0]).toBe(logits[2]);
    expect(logits[0]).not.toBeNaN();
  });
});
