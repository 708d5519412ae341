import { readFile } from "node:fs/promises";
import { ProtobufError } from "../onnx/protobuf-reader.ts";
import { type OnnxGraph, readOnnxGraph } from "../onnx/read-onnx-graph.ts";
import type { PrunedShape, PrunedTensor } from "./native-addon.ts";
import { recognizePrunedGraph } from "./pruned-graph.ts";
import { prunedSizes, prunedTensors } from "./pruned-tensors.ts";

/** The package's own cross-encoder as the addon takes it. */
export interface PrunedModel {
  readonly shape: PrunedShape;
  readonly tensors: readonly PrunedTensor[];
}

/** What the recognised graph has in its operators' attributes. */
const HEADS = 12;
const LAYERS = 6;
const EPSILON = 1e-12;
/** A document's tokens are ranked by importance, up to twice of it, and the query's stand before them with this rank. */
const QUERY_RANK = 1000;
/** Ours has 13 MB; a larger file need not be read to be known as another's. */
export const MOST_BYTES = 64_000_000;

const OTHERS = "of ONNX files it runs the package's own reranker alone";

/** Reads the model of an ONNX file, or says why the native engine does not take it. A damaged file is ONNX Runtime's to refuse. */
export async function readPrunedModel(path: string, fileBytes: number): Promise<PrunedModel | string> {
  return fileBytes > MOST_BYTES ? OTHERS : decodePrunedModel(await readFile(path));
}

export function decodePrunedModel(file: Uint8Array): PrunedModel | string {
  let graph: OnnxGraph;
  try {
    graph = readOnnxGraph(file);
  } catch (error) {
    if (error instanceof ProtobufError) return `${OTHERS}, and of this one ${error.message}`;
    throw error;
  }
  const parameters = recognizePrunedGraph(graph);
  if (parameters === undefined) return OTHERS;
  const sizes = prunedSizes(graph, LAYERS);
  const tensors = prunedTensors(graph, sizes);
  if (typeof tensors === "string") return `${OTHERS}, and here "${tensors}" is missing or has another shape`;
  const [, , importance] = tensors;
  // The graph would then take a document's token in place of one of the query's.
  if (importance?.some((value) => !(Math.abs(value) * 2 < QUERY_RANK))) return "its tokens' importance is too large";
  return { shape: { ...sizes, ...parameters, heads: HEADS, epsilon: EPSILON }, tensors };
}
