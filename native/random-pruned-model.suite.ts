import type { PrunedShape, PrunedTensor } from "../src/inference/native/native-addon.ts";
import { randomNumbers } from "./random-model.suite.ts";
import type { EncodedPair } from "./reference-model.suite.ts";

/** A small model; what a test is about goes into `changes`. */
export function smallPrunedShape(changes: Partial<PrunedShape> = {}): PrunedShape {
  return {
    hidden: 64,
    inner: 128,
    heads: 2,
    layers: 3,
    vocabulary: 101,
    positions: 128,
    epsilon: 1e-12,
    keepPercent: 45,
    keepUncounted: 3,
    keepAtLeast: 4,
    bias: 0.3,
    matched: 3,
    alike: 4,
    first: 2,
    classifierBias: -0.1,
    lexicalRise: 0.5,
    lexicalSlope: 0.01,
    lexicalRoom: 0.54,
    lexicalMass: -0.02,
    ...changes,
  };
}

type TensorKind = "nibbles" | "bytes" | "scales" | "floats" | "weights" | "ones";

/** What each tensor is and how many values it has, in the order of `native/README.md`. */
export function prunedTensorForms({
  hidden,
  inner,
  layers,
  vocabulary,
  positions,
}: PrunedShape): [TensorKind, number][] {
  const linear = (inputs: number, outputs: number): [TensorKind, number][] => [
    ["bytes", inputs * outputs],
    ["scales", outputs],
    ["floats", outputs],
  ];
  const norm: [TensorKind, number][] = [
    ["ones", hidden],
    ["floats", hidden],
  ];
  const layer = [
    ...linear(hidden, hidden),
    ...linear(hidden, hidden),
    ...linear(hidden, hidden),
    ...linear(hidden, hidden),
    ...norm,
    ...linear(hidden, inner),
    ...linear(inner, hidden),
    ...norm,
  ];
  return [
    ["nibbles", (vocabulary * hidden) / 2],
    ["scales", vocabulary],
    ["weights", vocabulary],
    ["weights", vocabulary],
    ["bytes", positions * hidden],
    ["scales", positions],
    ...norm,
    ...Array.from({ length: layers }, () => layer).flat(),
    ...linear(hidden, hidden),
    ...linear(hidden, hidden),
    ...linear(hidden, hidden),
    ["floats", hidden],
  ];
}

/** Weights of about the size that trained ones have. Importances repeat, so that tokens tie. */
export function randomPrunedTensors(shape: PrunedShape, seed: number, scoreFactor = 1): PrunedTensor[] {
  const random = randomNumbers(seed);
  const makers: Readonly<Record<TensorKind, (length: number) => PrunedTensor>> = {
    nibbles: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
    bytes: (length) => Int8Array.from({ length }, () => Math.floor(random() * 129) - 64),
    // The bytes have a standard deviation of 37.
    scales: (length) =>
      Float32Array.from({ length }, () => ((0.8 + 0.4 * random()) * 1.2) / 37 / Math.sqrt(shape.hidden)),
    floats: (length) => Float32Array.from({ length }, () => 0.3 * (random() - 0.5)),
    weights: (length) => Float32Array.from({ length }, () => Math.floor(random() * 40) / 8),
    ones: (length) => Float32Array.from({ length }, () => 0.8 + 0.4 * random()),
  };
  const tensors = prunedTensorForms(shape).map(([kind, length]) => makers[kind](length));
  const [words, places] = [tensors[1], tensors[5]];
  words?.set(words.map((scale) => scale * 30));
  places?.set(places.map((scale) => scale * 3));
  for (let layer = 0; layer < shape.layers; layer++) {
    const queryScales = tensors[8 + 22 * layer + 1];
    queryScales?.set(queryScales.map((scale) => scale * scoreFactor));
  }
  return tensors;
}

/** A query, and a document that repeats some of its pieces. */
export function randomTexts(shape: PrunedShape, length: number, random: () => number): EncodedPair {
  const query = Math.min(length, 1 + Math.floor(random() * Math.min(length, 20)));
  const ids: number[] = [];
  for (let token = 0; token < length; token++) {
    const isRepeated = token >= query && random() < 0.2;
    ids.push(isRepeated ? (ids[Math.floor(random() * query)] as number) : Math.floor(random() * shape.vocabulary));
  }
  return { ids, types: ids.map((_, token) => Number(token >= query)) };
}
