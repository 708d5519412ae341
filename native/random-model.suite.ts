import type { NativeShape } from "../src/inference/native/native-addon.ts";
import type { EncodedPair } from "./reference-model.suite.ts";

/** Mulberry32: the same numbers on every machine. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A small model; what a test is about goes into `changes`. */
export function smallShape(changes: Partial<NativeShape> = {}): NativeShape {
  const hidden = changes.hidden ?? 64;
  return {
    hidden,
    inner: 128,
    heads: 2,
    layers: 2,
    embeddingSize: hidden,
    vocabulary: 101,
    positions: 64,
    types: 2,
    positionOffset: 0,
    epsilon: 1e-12,
    output: "logits",
    labels: 1,
    headActivation: "tanh",
    ...changes,
  };
}

/** Values of each tensor, as the addon wants them. */
export function tensorLengths(shape: NativeShape): number[] {
  const { hidden, inner, layers, vocabulary, positions, types, output, labels = 1 } = shape;
  const square = hidden * hidden;
  const layer = [square, hidden, square, hidden, square, hidden, square, hidden, hidden, hidden];
  layer.push(inner * hidden, inner, inner * hidden, hidden, hidden, hidden);
  const embeddings = [vocabulary * hidden, positions * hidden, types * hidden, hidden, hidden];
  return [
    ...embeddings,
    ...Array.from({ length: layers }, () => layer).flat(),
    ...(output === "logits" ? [square, hidden, labels * hidden, labels] : []),
  ];
}

/** How many numbers a text gives. */
export function outputWidth({ output, labels = 1, hidden }: NativeShape): number {
  return output === "logits" ? labels : hidden;
}

/** Weights of about the size that trained ones have; a norm's weights are around 1. `scoreFactor` enlarges queries. */
export function randomTensors(shape: NativeShape, seed: number, scoreFactor = 1): Float32Array[] {
  const random = randomNumbers(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const lengths = tensorLengths(shape);
  const head = 5 + 16 * shape.layers;
  return lengths.map((length, index) => {
    const place = index < 5 || index >= head ? -1 : (index - 5) % 16;
    const isNormWeight = index === 3 || place === 8 || place === 14;
    const isNormBias = index === 4 || place === 9 || place === 15;
    const isMatrix =
      !isNormWeight && !isNormBias && (index < 3 || place % 2 === 0 || index === head || index === head + 2);
    const factor = place === 0 || place === 1 ? scoreFactor : 1;
    const size = index < 3 ? 0.5 : isMatrix ? 1.2 / Math.sqrt(place === 12 ? shape.inner : shape.hidden) : 0.1;
    return Float32Array.from({ length }, () => (isNormWeight ? 1 : 0) + normal() * size * factor);
  });
}

export function randomPair(shape: NativeShape, length: number, random: () => number): EncodedPair {
  const second = Math.floor(random() * length);
  return {
    ids: Array.from({ length }, () => Math.floor(random() * shape.vocabulary)),
    types: Array.from({ length }, (_, token) => (token > second ? shape.types - 1 : 0)),
  };
}
