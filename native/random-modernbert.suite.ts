import type { ModernbertShape } from "../src/inference/native/native-addon.ts";
import { randomNumbers } from "./random-model.suite.ts";
import type { EncodedPair } from "./reference-model.suite.ts";

/** A small model; what a test is about goes into `changes`. */
export function smallModernbertShape(changes: Partial<ModernbertShape> = {}): ModernbertShape {
  const layers = changes.layers ?? 3;
  return {
    hidden: 64,
    inner: 128,
    heads: 2,
    layers,
    vocabulary: 101,
    positions: 64,
    reach: 4,
    isGlobal: Uint8Array.from({ length: layers }, (_, layer) => Number(layer % 3 === 0)),
    epsilon: 1e-5,
    pooling: "cls",
    output: "logits",
    labels: 1,
    headEpsilon: 1e-5,
    headActivation: "gelu",
    ...changes,
  };
}

type TensorKind = "words" | "cosines" | "sines" | "matrix" | "bias" | "ones";

/** What each tensor is and how many values it has, in the order of `native/README.md`. */
export function modernbertTensorForms(shape: ModernbertShape): [TensorKind, number][] {
  const { hidden, inner, heads, layers, vocabulary, positions, output, labels = 0 } = shape;
  const norm: [TensorKind, number][] = [
    ["ones", hidden],
    ["bias", hidden],
  ];
  const linear = (outputs: number, inputs: number): [TensorKind, number][] => [
    ["matrix", outputs * inputs],
    ["bias", outputs],
  ];
  const angles = (positions * hidden) / heads / 2;
  const tables: [TensorKind, number][] = [
    ["cosines", angles],
    ["sines", angles],
  ];
  const layer = [
    ...linear(3 * hidden, hidden),
    ...linear(hidden, hidden),
    ...norm,
    ...linear(2 * inner, hidden),
    ...linear(hidden, inner),
    ...norm,
  ];
  return [
    ["words", vocabulary * hidden],
    ...norm,
    ...tables,
    ...tables,
    ...Array.from({ length: layers }, () => layer).flat(),
    ...(output === "logits" ? [...linear(hidden, hidden), ...norm, ...linear(labels, hidden)] : []),
  ];
}

/** Where a layer's tensors begin. */
export const layerAt = (layer: number): number => 7 + 12 * layer;

/** Weights of about the size that trained ones have. `scoreFactor` enlarges queries. */
export function randomModernbertTensors(shape: ModernbertShape, seed: number, scoreFactor = 1): Float32Array[] {
  const random = randomNumbers(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const { hidden, heads, inner } = shape;
  const pairs = hidden / heads / 2;
  const layersEnd = layerAt(shape.layers);
  return modernbertTensorForms(shape).map(([kind, length], index) => {
    const theta = index < 5 ? 160_000 : 10_000;
    const angle = (i: number) => Math.floor(i / pairs) * theta ** (-(i % pairs) / pairs);
    if (kind === "cosines") return Float32Array.from({ length }, (_, i) => Math.cos(angle(i)));
    if (kind === "sines") return Float32Array.from({ length }, (_, i) => Math.sin(angle(i)));
    const place = index < layerAt(0) || index >= layersEnd ? -1 : (index - layerAt(0)) % 12;
    const inputs = place === 8 ? inner : hidden;
    const size = kind === "words" ? 0.5 : kind === "matrix" ? 1.2 / Math.sqrt(inputs) : 0.1;
    const queries = place === 0 ? hidden * hidden : place === 1 ? hidden : 0;
    return Float32Array.from(
      { length },
      (_, i) => (kind === "ones" ? 1 : 0) + normal() * size * (i < queries ? scoreFactor : 1),
    );
  });
}

export function randomText({ vocabulary }: ModernbertShape, length: number, random: () => number): EncodedPair {
  return {
    ids: Array.from({ length }, () => Math.floor(random() * vocabulary)),
    types: new Array<number>(length).fill(0),
  };
}
