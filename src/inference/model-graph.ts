import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { PgVectorDBError } from "../errors.ts";
import { chooseOnnxFile, externalDataOf, type ModelDtype } from "./choose-onnx-file.ts";
import { checkCompilable } from "./compiler/architectures/architecture-of.ts";
import { type CompileOptions, checkCheckpoint } from "./compiler/compile-model.ts";
import { detectCpu } from "./cpu.ts";
import { readModelJson } from "./model-config.ts";
import type { LocatedModel } from "./model-files/locate-model.ts";
import { isLanguageModel } from "./prompt-templates.ts";
import { openCheckpointWeights, weightFiles } from "./safetensors/open-checkpoint-weights.ts";

/** A checkpoint to compile, or compiled already. */
export interface CheckpointGraph {
  readonly kind: "checkpoint";
  readonly bytes: number;
  readonly dtype: "fp32" | "int8";
  readonly config: Readonly<Record<string, unknown>>;
  /** The safetensors file, or the index of its shards. */
  readonly weightsPath: string;
  readonly options: CompileOptions;
  /** Where compiled models are kept. */
  readonly cacheFolder: string;
}

/** An ONNX file of the repository. */
export interface OnnxGraph {
  readonly kind: "onnx";
  readonly dtype: "fp32" | "fp16" | "int8";
  readonly path: string;
  /** What the weights take in memory. */
  readonly bytes: number;
}

/** The graph that ONNX Runtime opens. Plain data: it is sent to the worker. */
export type ModelGraph = OnnxGraph | CheckpointGraph;

/** What the graph is to give. */
export type GraphPurpose = Pick<CompileOptions, "output" | "pooling" | "normalize">;

export interface GraphRequest {
  readonly dtype: ModelDtype;
  /** Hugging Face's cache folder, in which compiled models have a folder of their own. */
  readonly cacheDir: string;
  readonly purpose: GraphPurpose;
}

const WEIGHTS = "model.safetensors";
const WEIGHTS_INDEX = "model.safetensors.index.json";
/** Stand for the answers' ids, which only the tokenizer knows: the check needs two that exist. */
const ANY_ANSWERS = [0, 1] as const;

/**
 * Chooses between a model's checkpoint, which is compiled to a faster graph, and its ONNX files, and fetches what is
 * needed. The ONNX file is taken where there is no checkpoint, or one that is not compiled: an architecture that is not
 * known, code of the repository's own, tensors that are missing or of another shape. A corrupt file is an error.
 *
 * @throws PgVectorDBError `model_invalid` when neither can be used, with the reason
 */
export async function chooseModelGraph(located: LocatedModel, request: GraphRequest): Promise<ModelGraph> {
  const config = (await readModelJson(located, "config.json")) ?? {};
  const weightsFile = [WEIGHTS, WEIGHTS_INDEX].find((file) => located.files.includes(file));
  if (weightsFile === undefined) return fetchOnnx(located, request, config);
  try {
    return await fetchCheckpoint(located, request, { config, weightsFile });
  } catch (error) {
    if (!(error instanceof NotCompiled)) throw error;
    const { reason } = error;
    if (!located.files.some((file) => file.endsWith(".onnx"))) throw withoutOnnx(located.id, reason);
    return fetchOnnx(located, request, config, reason);
  }
}

/** Why a checkpoint is not compiled, where another file of the model may still do. */
class NotCompiled extends Error {
  readonly reason: PgVectorDBError;

  constructor(reason: PgVectorDBError) {
    super(reason.message);
    this.reason = reason;
  }
}

async function fetchCheckpoint(
  located: LocatedModel,
  { dtype: asked, cacheDir, purpose }: GraphRequest,
  { config, weightsFile }: { config: Readonly<Record<string, unknown>>; weightsFile: string },
): Promise<CheckpointGraph> {
  if (asked === "fp16") throw new NotCompiled(noHalfPrecision(located.id));
  const dtype = asked === "int8" ? "int8" : "fp32";
  await compiling(async () => checkCompilable(config, purpose.output));
  const weightsPath = await located.fetch(weightsFile);
  const weightPaths = await weightFiles(weightsPath);
  // Shards are found beside the index, where the cache and a folder both keep them.
  for (const path of weightPaths) await located.fetch(basename(path));
  // int8 is run one text at a time, and such a graph needs no mask.
  const options: CompileOptions = { dtype, maskless: dtype === "int8", ...purpose };
  await checkTensors({ config, weightsPath, options });
  const bytes = await bytesOf(weightPaths);
  return {
    kind: "checkpoint",
    dtype,
    bytes: dtype === "int8" ? bytes / 4 : bytes,
    config,
    weightsPath,
    options,
    cacheFolder: join(cacheDir, ".pgvectordb"),
  };
}

/** Whether the checkpoint has the tensors that its architecture needs. It reads the headers alone. */
async function checkTensors({
  config,
  weightsPath,
  options,
}: Pick<CheckpointGraph, "config" | "weightsPath" | "options">): Promise<void> {
  const weights = await openCheckpointWeights(weightsPath);
  try {
    await compiling(async () => checkCheckpoint({ config, weights, answerTokens: ANY_ANSWERS, ...options }));
  } finally {
    await weights.close();
  }
}

async function compiling(check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (error instanceof PgVectorDBError && error.code === "model_invalid") throw new NotCompiled(error);
    throw error;
  }
}

async function fetchOnnx(
  located: LocatedModel,
  { dtype: asked, purpose }: GraphRequest,
  config: Readonly<Record<string, unknown>>,
  reason?: PgVectorDBError,
): Promise<OnnxGraph> {
  if (purpose.output === "logits" && isLanguageModel(config)) throw noAnswers(located.id, reason);
  const { path, dtype } = chooseOnnxFile(located.id, located.files, asked, await detectCpu());
  const paths = [await located.fetch(path)];
  for (const file of externalDataOf(path, located.files)) paths.push(await located.fetch(file));
  return { kind: "onnx", dtype, path: paths[0] as string, bytes: await bytesOf(paths) };
}

async function bytesOf(paths: readonly string[]): Promise<number> {
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function noHalfPrecision(model: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `A checkpoint, as that of the model "${model}", is compiled to "fp32" or "int8"; \`dtype\` "fp16" needs an ONNX file.`,
  );
}

function withoutOnnx(model: string, reason: PgVectorDBError): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `${reason.message} The model "${model}" has no ONNX file either, which would be used instead: ` +
      "export one (optimum-cli export onnx --model <model> <folder>), or choose a model that is compiled, such as BAAI/bge-reranker-v2-m3.",
    { cause: reason },
  );
}

/** The ONNX file of a language model gives logits for its whole vocabulary, and wants a cache of keys and values. */
function noAnswers(model: string, reason: PgVectorDBError | undefined): PgVectorDBError {
  const compiled = reason === undefined ? "it has no safetensors checkpoint" : reason.message;
  return new PgVectorDBError(
    "model_invalid",
    `The model "${model}" is a language model that scores by its answer to a prompt; that is read from a compiled checkpoint only, and ${compiled} ` +
      "Choose the original (such as Qwen/Qwen3-Reranker-0.6B), a conversion of it with a sequence-classification head, or a cross-encoder.",
    { cause: reason },
  );
}
