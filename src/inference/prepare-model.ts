import { PgVectorDBError } from "../errors.ts";
import { chooseOnnxFile, externalDataOf, type ModelDtype } from "./choose-onnx-file.ts";
import { defaultThreads, detectCpu } from "./cpu.ts";
import { type ModelConfig, readModelConfig } from "./model-config.ts";
import { type LocatedModel, locateModel, type ModelProgress, type ModelRequest } from "./model-files/locate-model.ts";

/** Which model to load and how to run it. */
export interface ModelSource extends Pick<ModelRequest, "model" | "revision" | "cacheDir" | "offline"> {
  readonly dtype: ModelDtype;
  /** `"auto"`, or the name of an execution provider of ONNX Runtime. */
  readonly device: string;
  /** Upper bound in tokens; the model's own limit counts too. */
  readonly maxLength: number;
  readonly batchSize: number;
}

/** All that a worker needs to load a model. Plain data: it is sent to the worker. */
export interface PreparedModel {
  readonly id: string;
  readonly onnxPath: string;
  readonly tokenizerPath: string;
  readonly maxTokens: number;
  readonly padTokenId: number | undefined;
  readonly padToken: string | undefined;
  readonly truncationSide: "left" | "right";
  readonly device: string;
  readonly threads: number;
  readonly batchSize: number;
  /** Most tokens in one run of the model, padding included. */
  readonly batchTokens: number;
}

export interface Preparation {
  readonly located: LocatedModel;
  readonly config: ModelConfig;
  readonly model: PreparedModel;
}

/** More in one run gains nothing on a processor: the matrices are as wide as its caches by then. */
const BATCH_TOKENS = 768;

/** Finds the files of a model, downloads what is needed, and decides how it is run. */
export async function prepareModel(
  source: ModelSource,
  context: { readonly signal: AbortSignal; readonly onProgress: (progress: ModelProgress) => void },
): Promise<Preparation> {
  const { model, revision, cacheDir, offline } = source;
  const located = await locateModel({ model, revision, cacheDir, offline, ...context });
  const onnx = chooseOnnxFile(located.id, located.files, source.dtype, await detectCpu());
  if (!located.files.includes("tokenizer.json")) {
    throw new PgVectorDBError("model_invalid", `The model "${located.id}" has no tokenizer.json.`);
  }
  const config = await readModelConfig(located);
  const tokenizerPath = await located.fetch("tokenizer.json");
  for (const file of externalDataOf(onnx.path, located.files)) await located.fetch(file);
  const onnxPath = await located.fetch(onnx.path);
  return {
    located,
    config,
    model: {
      id: located.id,
      onnxPath,
      tokenizerPath,
      maxTokens: Math.min(source.maxLength, config.maxTokens),
      padTokenId: config.padTokenId,
      padToken: config.padToken,
      truncationSide: config.truncationSide,
      device: source.device,
      threads: await defaultThreads(),
      // int8 scales activations by the whole batch, so a pair's score would depend on the others: one pair a run.
      batchSize: onnx.dtype === "int8" ? 1 : source.batchSize,
      batchTokens: BATCH_TOKENS,
    },
  };
}
