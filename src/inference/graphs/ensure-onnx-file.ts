import { compileModel } from "../compiler/compile-model.ts";
import { readCompiledModel } from "../compiler/compiled-model.ts";
import { compiledModelPath } from "../compiler/compiled-model-path.ts";
import type { AnswerTokens } from "../compiler/encoder-context.ts";
import { isLanguageModel } from "../repository/prompt-templates.ts";
import { modelWeightFiles, openModelWeights } from "../safetensors/open-model-weights.ts";
import type { CheckpointGraph, ModelGraph } from "./model-graph.ts";

export interface CompileCall {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of weights written so far, and in all. */
  readonly onProgress?: ((written: number, total: number) => void) | undefined;
}

/**
 * The path of the file that ONNX Runtime opens; a checkpoint is compiled first, unless it was before.
 *
 * @param answerTokens the ids of a language model's answers
 */
export async function ensureOnnxFile(
  graph: ModelGraph,
  answerTokens?: AnswerTokens | undefined,
  call: CompileCall = {},
): Promise<string> {
  if (graph.kind === "onnx") return graph.path;
  const { config, options } = graph;
  const folder = await compiledFolder(graph, answerTokens);
  const compiled = await readCompiledModel(folder);
  if (compiled !== undefined) return compiled.modelPath;
  const weights = await openModelWeights(graph);
  try {
    const request = { config, weights, ...options, ...forAnswers(graph, answerTokens), ...call };
    return (await compileModel(request, folder)).modelPath;
  } finally {
    await weights.close();
  }
}

/** Where the compiled form of a checkpoint is, or will be. */
export async function compiledFolder(graph: CheckpointGraph, answerTokens?: AnswerTokens | undefined): Promise<string> {
  const { config, options, cacheFolder } = graph;
  const weightPaths = await modelWeightFiles(graph);
  return compiledModelPath(cacheFolder, { config, weightPaths, ...options, ...forAnswers(graph, answerTokens) });
}

/** A model with a head of its own does not answer, whatever its prompt. */
function forAnswers({ config }: CheckpointGraph, answerTokens: AnswerTokens | undefined) {
  return answerTokens !== undefined && isLanguageModel(config) ? { answerTokens } : {};
}
