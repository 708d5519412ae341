import { ensureOnnxFile } from "./graphs/ensure-onnx-file.ts";
import type { ModelGraph } from "./graphs/model-graph.ts";
import { loadInputEncoder } from "./inputs/load-input-encoder.ts";
import { type ModelCall, prepareForTask } from "./model-task.ts";

export interface FetchedModel {
  readonly id: string;
  readonly dtype: string;
  readonly how: "compile" | "onnx";
  /** The file that ONNX Runtime opens, once it is compiled; before that, the weights. */
  readonly path: string;
  readonly bytes: number;
}

/** Downloads what loading a model needs. */
export async function pullModel(call: ModelCall): Promise<FetchedModel> {
  const { id, graph } = await prepareForTask(call);
  const path = graph.kind === "onnx" ? graph.path : graph.weightsPath;
  return { id, dtype: graph.dtype, how: howOf(graph), path, bytes: graph.bytes };
}

/** Downloads a model and compiles it, so that loading it does neither. */
export async function compileLocalModel(
  call: ModelCall,
  onCompiled?: (written: number, total: number) => void,
): Promise<FetchedModel> {
  const model = await prepareForTask(call);
  const { id, graph } = model;
  const { answerTokens } = model.prompt === undefined ? {} : await loadInputEncoder(model);
  const path = await ensureOnnxFile(graph, answerTokens, { signal: call.signal, onProgress: onCompiled });
  return { id, dtype: graph.dtype, how: howOf(graph), path, bytes: graph.bytes };
}

function howOf(graph: ModelGraph): "compile" | "onnx" {
  return graph.kind === "onnx" ? "onnx" : "compile";
}
