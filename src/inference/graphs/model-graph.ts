import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { PgVectorDBError } from "../../errors.ts";
import { type CompileOptions, checkCheckpoint } from "../compiler/compile-model.ts";
import type { ChainModule } from "../compiler/module-chain.ts";
import type { LocatedModel } from "../model-files/locate-model.ts";
import { moduleWeightsFile } from "../repository/sentence-modules.ts";
import { weightFiles } from "../safetensors/open-checkpoint-weights.ts";
import { type ModelWeights, openModelWeights } from "../safetensors/open-model-weights.ts";
import type { ModelDtype } from "./choose-onnx-file.ts";
import { type CheckpointPlan, type GraphRequest, type OnnxPlan, planGraph, planOnnx } from "./plan-graph.ts";

/** A checkpoint to compile, or compiled already. */
export interface CheckpointGraph extends ModelWeights {
  readonly kind: "checkpoint";
  /** What the compiled weights take in memory. */
  readonly bytes: number;
  readonly dtype: "fp32" | "int8";
  readonly config: Readonly<Record<string, unknown>>;
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

/** Stand for the answers' ids, which only the tokenizer knows: the check needs two that exist. */
const ANY_ANSWERS = [0, 1] as const;

/**
 * Fetches what `planGraph` chooses. A checkpoint whose tensors are missing or of another shape leaves the ONNX file to be
 * used, where there is one; a corrupt file is an error.
 *
 * @param cacheDir Hugging Face's cache folder, in which compiled models have a folder of their own
 * @throws PgVectorDBError `model_invalid` when nothing can be used, with the reason
 */
export async function fetchModelGraph(
  located: LocatedModel,
  request: GraphRequest,
  cacheDir: string,
): Promise<ModelGraph> {
  const plan = await planGraph(located, request);
  if (plan.kind === "onnx") return fetchOnnx(located, plan);
  const graph = await fetchCheckpoint(located, plan, compiledModelsFolder(cacheDir));
  // Without a second choice the worker says the same, and this thread is spared the work.
  if (!located.files.some((file) => file.endsWith(".onnx"))) return graph;
  const refusal = await findRefusal(graph);
  return refusal === undefined ? graph : fetchOnnx(located, await planOnnx(located, request, refusal));
}

/** Where compiled models are kept in a Hugging Face cache. */
export function compiledModelsFolder(cacheDir: string): string {
  return join(cacheDir, ".pgvectordb");
}

/** What a checkpoint's numbers take in the format that it is run in. */
export function bytesOfWeights(count: number, dtype: ModelDtype): number {
  return count * (dtype === "int8" ? 1 : Float32Array.BYTES_PER_ELEMENT);
}

async function fetchCheckpoint(
  located: LocatedModel,
  { file, dtype, config, options }: CheckpointPlan,
  cacheFolder: string,
): Promise<CheckpointGraph> {
  const weightsPath = await located.fetch(file);
  const weightPaths = await weightFiles(weightsPath);
  // Shards are found beside the index, where the cache and a folder both keep them.
  for (const path of weightPaths) await located.fetch(basename(path));
  const moduleWeights = await fetchModules(located, options.modules ?? []);
  const bytes = bytesOfWeights(await countWeights({ weightsPath, moduleWeights }), dtype);
  return { kind: "checkpoint", dtype, bytes, config, weightsPath, moduleWeights, options, cacheFolder };
}

async function fetchModules(
  located: LocatedModel,
  modules: readonly ChainModule[],
): Promise<ModelWeights["moduleWeights"]> {
  const folders = modules.flatMap((module) => ("folder" in module ? [module.folder] : []));
  return Promise.all(
    folders.map(async (folder) => ({ folder, path: await located.fetch(moduleWeightsFile(located, folder)) })),
  );
}

/** How many numbers a checkpoint holds, whatever their format: they are widened when it is compiled. */
async function countWeights(files: ModelWeights): Promise<number> {
  const { tensors, close } = await openModelWeights(files);
  await close();
  return [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
}

/** Why a checkpoint's tensors are not those that its architecture needs. It reads the headers alone. */
async function findRefusal(graph: CheckpointGraph): Promise<PgVectorDBError | undefined> {
  const { config, options } = graph;
  const weights = await openModelWeights(graph);
  try {
    checkCheckpoint({ config, weights, answerTokens: ANY_ANSWERS, ...options });
    return undefined;
  } catch (error) {
    if (error instanceof PgVectorDBError && error.code === "model_invalid") return error;
    throw error;
  } finally {
    await weights.close();
  }
}

async function fetchOnnx(located: LocatedModel, { file, externalData, dtype }: OnnxPlan): Promise<OnnxGraph> {
  const paths: string[] = [];
  for (const part of [file, ...externalData]) paths.push(await located.fetch(part));
  return { kind: "onnx", dtype, path: paths[0] as string, bytes: await bytesOf(paths) };
}

async function bytesOf(paths: readonly string[]): Promise<number> {
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
