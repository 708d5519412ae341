import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { PgVectorDBError } from "../errors.ts";
import { chooseOnnxFile, externalDataOf, type ModelDtype } from "./choose-onnx-file.ts";
import { checkCompilable } from "./compiler/architectures/architecture-of.ts";
import { type CompileOptions, compileModel } from "./compiler/compile-model.ts";
import { readCompiledModel } from "./compiler/compiled-model.ts";
import { compiledModelPath } from "./compiler/compiled-model-path.ts";
import { detectCpu } from "./cpu.ts";
import { readModelJson } from "./model-config.ts";
import type { LocatedModel } from "./model-files/locate-model.ts";
import { openCheckpointWeights, weightFiles } from "./safetensors/open-checkpoint-weights.ts";

/** The graph that ONNX Runtime opens: a file, or a checkpoint to compile. Plain data: it is sent to the worker. */
export type ModelGraph =
  | {
      readonly kind: "onnx";
      readonly dtype: "fp32" | "fp16" | "int8";
      readonly path: string;
      /** What the weights take in memory. */
      readonly bytes: number;
    }
  | {
      readonly kind: "checkpoint";
      readonly bytes: number;
      readonly dtype: "fp32" | "int8";
      readonly config: Readonly<Record<string, unknown>>;
      /** The safetensors file, or the index of its shards. */
      readonly weightsPath: string;
      readonly options: CompileOptions;
      /** Where compiled models are kept. */
      readonly cacheFolder: string;
    };

export interface GraphRequest {
  readonly dtype: ModelDtype;
  /** Hugging Face's cache folder, in which compiled models have a folder of their own. */
  readonly cacheDir: string;
  /** What the graph is to give, asked only when it is compiled. */
  readonly purpose: () => Promise<Pick<CompileOptions, "output" | "pooling" | "normalize">>;
}

const WEIGHTS = "model.safetensors";
const WEIGHTS_INDEX = "model.safetensors.index.json";

/**
 * Chooses between a model's checkpoint, which is compiled to a faster graph, and its ONNX files, and fetches what is
 * needed. The ONNX file is taken where there is no checkpoint, or one that is not compiled.
 *
 * @throws PgVectorDBError `model_invalid` when neither can be used, with the reason
 */
export async function chooseModelGraph(located: LocatedModel, request: GraphRequest): Promise<ModelGraph> {
  const refusal = await whyNotCompiled(located, request);
  if (refusal === undefined) return fetchCheckpoint(located, request);
  if (!located.files.some((file) => file.endsWith(".onnx")) && refusal !== "no checkpoint") throw refusal;
  const { path, dtype } = chooseOnnxFile(located.id, located.files, request.dtype, await detectCpu());
  const paths = [await located.fetch(path)];
  for (const file of externalDataOf(path, located.files)) paths.push(await located.fetch(file));
  return { kind: "onnx", dtype, path: paths[0] as string, bytes: await bytesOf(paths) };
}

/** The path of the file that ONNX Runtime opens; a checkpoint is compiled first, unless it was before. */
export async function ensureOnnxFile(graph: ModelGraph): Promise<string> {
  if (graph.kind === "onnx") return graph.path;
  const { config, weightsPath, options, cacheFolder } = graph;
  const weightPaths = await weightFiles(weightsPath);
  const folder = await compiledModelPath(cacheFolder, { config, weightPaths, ...options });
  const compiled = await readCompiledModel(folder);
  if (compiled !== undefined) return compiled.modelPath;
  const weights = await openCheckpointWeights(weightsPath);
  try {
    return (await compileModel({ config, weights, ...options }, folder)).modelPath;
  } finally {
    await weights.close();
  }
}

async function whyNotCompiled(
  located: LocatedModel,
  { dtype, purpose }: GraphRequest,
): Promise<PgVectorDBError | "no checkpoint" | undefined> {
  if (weightsFileOf(located) === undefined) return "no checkpoint";
  if (dtype === "fp16") {
    return new PgVectorDBError(
      "model_invalid",
      `The model "${located.id}" has no ONNX file for \`dtype\` "fp16"; its checkpoint is compiled to "fp32" or "int8".`,
    );
  }
  try {
    const config = await readModelJson(located, "config.json");
    const { output } = await purpose();
    checkCompilable(config, output);
    const isLanguageModel =
      output === "logits" && JSON.stringify(config?.["architectures"] ?? "").includes("ForCausalLM");
    return isLanguageModel ? promptNeeded(located.id) : undefined;
  } catch (error) {
    if (error instanceof PgVectorDBError && error.code === "model_invalid") return error;
    throw error;
  }
}

function promptNeeded(model: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `The model "${model}" is a language model that scores by its answer to a prompt, which is not supported yet. ` +
      "Choose a conversion of it with a sequence-classification head, or a cross-encoder.",
  );
}

async function fetchCheckpoint(located: LocatedModel, request: GraphRequest): Promise<ModelGraph> {
  const weightsPath = await located.fetch(weightsFileOf(located) as string);
  const weightPaths = await weightFiles(weightsPath);
  if (weightsPath.endsWith(".json")) {
    // Shards are found beside the index, where the cache and a folder both keep them.
    for (const path of weightPaths) await located.fetch(basename(path));
  }
  const dtype = request.dtype === "int8" ? "int8" : "fp32";
  const bytes = await bytesOf(weightPaths);
  return {
    kind: "checkpoint",
    dtype,
    bytes: dtype === "int8" ? bytes / 4 : bytes,
    config: (await readModelJson(located, "config.json")) ?? {},
    weightsPath,
    // int8 is run one text at a time, and such a graph needs no mask.
    options: { dtype, maskless: dtype === "int8", ...(await request.purpose()) },
    cacheFolder: join(request.cacheDir, ".pgvectordb"),
  };
}

async function bytesOf(paths: readonly string[]): Promise<number> {
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function weightsFileOf(located: LocatedModel): string | undefined {
  return [WEIGHTS, WEIGHTS_INDEX].find((file) => located.files.includes(file));
}
