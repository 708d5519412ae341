import { ELEMENT_CODES } from "../compiler/graph-writer.ts";
import type { OnnxGraph, OnnxTensor } from "../onnx/read-onnx-graph.ts";
import type { PrunedShape, PrunedTensor } from "./native-addon.ts";

export type PrunedSizes = Pick<PrunedShape, "hidden" | "inner" | "layers" | "vocabulary" | "positions">;

/** The sizes of a recognised graph, from the shapes of its weights; `prunedTensors` finds what does not fit them. */
export function prunedSizes({ tensors }: OnnxGraph, layers: number): PrunedSizes {
  const sizeOf = (name: string, axis: number) => tensors.get(name)?.shape[axis] ?? 0;
  return {
    hidden: sizeOf("norm.weight", 0),
    inner: sizeOf("layer0.inner.weight", 1),
    layers,
    vocabulary: sizeOf("words.values", 0),
    positions: sizeOf("positions.values", 0),
  };
}

/**
 * The weights in the order in which the addon takes them, or the name of the first that is missing or of another type or
 * shape. Bytes are views of the file; floats are copies, which have the alignment that they need.
 */
export function prunedTensors({ tensors }: OnnxGraph, sizes: PrunedSizes): readonly PrunedTensor[] | string {
  const { hidden, inner, layers, vocabulary, positions } = sizes;
  const taken: PrunedTensor[] = [];
  const wanted = [
    bytes("words.values", "uint8", [vocabulary, hidden / 2]),
    floats("words.scales", [vocabulary, 1]),
    floats("importance", [vocabulary]),
    floats("inverse_frequency", [vocabulary]),
    bytes("positions.values", "int8", [positions, hidden]),
    floats("positions.scales", [positions, 1]),
    ...norm("norm", hidden),
    ...Array.from({ length: layers }, (_, index) => layer(`layer${index}.`, hidden, inner)).flat(),
    ...linear("project", hidden, hidden),
    bytes("sentence.values", "int8", [hidden, hidden]),
    floats("sentence.scales", [hidden]),
    floats("sentence.bias", [hidden]),
    ...linear("pooler", hidden, hidden),
    floats("classifier.weight", [hidden, 1]),
  ];
  for (const { name, elementType, shape } of wanted) {
    const tensor = tensors.get(name);
    if (tensor?.elementType !== ELEMENT_CODES[elementType] || String(tensor.shape) !== String(shape)) return name;
    taken.push(viewOf(tensor));
  }
  return taken;
}

interface WantedTensor {
  readonly name: string;
  readonly elementType: "float32" | "int8" | "uint8";
  readonly shape: readonly number[];
}

function bytes(name: string, elementType: "int8" | "uint8", shape: readonly number[]): WantedTensor {
  return { name, elementType, shape };
}

function floats(name: string, shape: readonly number[]): WantedTensor {
  return { name, elementType: "float32", shape };
}

function linear(name: string, inputs: number, outputs: number): WantedTensor[] {
  return [
    bytes(`${name}.weight`, "int8", [inputs, outputs]),
    floats(`${name}.scale`, [outputs]),
    floats(`${name}.bias`, [outputs]),
  ];
}

function norm(name: string, size: number): WantedTensor[] {
  return [floats(`${name}.weight`, [size]), floats(`${name}.bias`, [size])];
}

function layer(prefix: string, hidden: number, inner: number): WantedTensor[] {
  return [
    ...["query", "key", "value", "attended"].flatMap((part) => linear(prefix + part, hidden, hidden)),
    ...norm(`${prefix}attended_norm`, hidden),
    ...linear(`${prefix}inner`, hidden, inner),
    ...linear(`${prefix}outer`, inner, hidden),
    ...norm(`${prefix}outer_norm`, hidden),
  ];
}

function viewOf({ elementType, bytes: { buffer, byteOffset, byteLength }, bytes: view }: OnnxTensor): PrunedTensor {
  if (elementType === ELEMENT_CODES.uint8) return view;
  if (elementType === ELEMENT_CODES.int8) return new Int8Array(buffer, byteOffset, byteLength);
  return new Float32Array(new Uint8Array(view).buffer);
}
