import { PgVectorDBError } from "../errors.ts";
import type { ModelDtype } from "./choose-onnx-file.ts";
import { decideClassifierUse } from "./classifier-use.ts";
import { readCompiledModel } from "./compiler/compiled-model.ts";
import { compiledFolder, ensureOnnxFile } from "./ensure-onnx-file.ts";
import { loadInputEncoder } from "./load-input-encoder.ts";
import { readModelConfig, readModelJson } from "./model-config.ts";
import { type LocatedModel, locateModel, type ModelProgress, type ModelRequest } from "./model-files/locate-model.ts";
import type { ModelGraph } from "./model-graph.ts";
import { type GraphPurpose, planGraph } from "./plan-graph.ts";
import { type ModelUse, prepareModel } from "./prepare-model.ts";
import { isLanguageModel, type ModelPrompt } from "./prompt-templates.ts";
import { readSentenceConfig } from "./sentence-config.ts";

/** What a model is for: scores of pairs, or vectors of texts. */
export type ModelTask = "rerank" | "embed";

export interface ModelCall extends Pick<ModelRequest, "model" | "revision" | "cacheDir" | "offline" | "signal"> {
  readonly dtype: ModelDtype;
  /** Default: as its architecture says. */
  readonly task?: ModelTask | undefined;
  readonly relevantLabel?: string | undefined;
  readonly onProgress?: ((progress: ModelProgress) => void) | undefined;
}

export interface ModelDescription {
  readonly id: string;
  readonly origin: LocatedModel["origin"];
  readonly revision: string | undefined;
  readonly modelType: string | undefined;
  readonly architectures: readonly string[];
  readonly task: ModelTask;
  readonly labels: readonly string[];
  /** Longest input in tokens; `undefined` when the model has no limit of its own. */
  readonly maxTokens: number | undefined;
  readonly prompt: ModelPrompt | undefined;
  /** The file that is used, and how; `undefined` when the model cannot be used. */
  readonly use: { readonly how: "compile" | "onnx"; readonly file: string; readonly dtype: string } | undefined;
  /** Why it cannot be used, or why its checkpoint is not. */
  readonly reason: string | undefined;
  /** Whether the compiled form is there already; `undefined` where nothing is compiled. */
  readonly compiled: boolean | undefined;
  readonly files: readonly string[];
}

/** Says what a model is and how it would be used. It fetches small files alone. */
export async function describeModel(call: ModelCall): Promise<ModelDescription> {
  const located = await locateModel(call);
  const config = await readModelConfig(located);
  const json = (await readModelJson(located, "config.json")) ?? {};
  const task = call.task ?? taskOf(json);
  const facts = {
    id: located.id,
    origin: located.origin,
    revision: located.revision,
    modelType: typeof json["model_type"] === "string" ? json["model_type"] : undefined,
    architectures: architecturesOf(json),
    task,
    labels: config.labels,
    maxTokens: Number.isFinite(config.maxTokens) ? config.maxTokens : undefined,
    files: located.files,
  };
  try {
    if (!located.files.includes("tokenizer.json")) {
      throw new PgVectorDBError("model_invalid", "It has no tokenizer.json.");
    }
    const use = await decideUse(located, call, task);
    const plan = await planGraph(located, { dtype: call.dtype, purpose: use });
    const isCompiled = plan.kind === "checkpoint" ? await findCompiled(call, task) : undefined;
    return {
      ...facts,
      prompt: use.prompt,
      use: { how: plan.kind === "onnx" ? "onnx" : "compile", file: plan.file, dtype: plan.dtype },
      reason: plan.kind === "onnx" ? plan.reason : undefined,
      compiled: isCompiled,
    };
  } catch (error) {
    if (!(error instanceof PgVectorDBError) || error.code === "aborted") throw error;
    return { ...facts, prompt: undefined, use: undefined, reason: error.message, compiled: undefined };
  }
}

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
  const { id, graph } = await prepare(call);
  const path = graph.kind === "onnx" ? graph.path : graph.weightsPath;
  return { id, dtype: graph.dtype, how: howOf(graph), path, bytes: graph.bytes };
}

/** Downloads a model and compiles it, so that loading it does neither. */
export async function compileLocalModel(
  call: ModelCall,
  onCompiled?: (written: number, total: number) => void,
): Promise<FetchedModel> {
  const model = await prepare(call);
  const { id, graph } = model;
  const { answerTokens } = model.prompt === undefined ? {} : await loadInputEncoder(model);
  const path = await ensureOnnxFile(graph, answerTokens, { signal: call.signal, onProgress: onCompiled });
  return { id, dtype: graph.dtype, how: howOf(graph), path, bytes: graph.bytes };
}

async function prepare(call: ModelCall) {
  const { signal = new AbortController().signal, onProgress = () => {} } = call;
  const source = { ...call, device: "cpu", maxLength: Number.MAX_SAFE_INTEGER, batchSize: 1 };
  const { model } = await prepareModel(source, { signal, onProgress }, (located) =>
    decideUse(located, call, call.task),
  );
  return model;
}

async function decideUse(located: LocatedModel, call: ModelCall, asked: ModelTask | undefined): Promise<ModelUse> {
  const json = (await readModelJson(located, "config.json")) ?? {};
  if ((asked ?? taskOf(json)) === "rerank") {
    return decideClassifierUse(located, await readModelConfig(located), { relevantLabel: call.relevantLabel });
  }
  const purpose: GraphPurpose = { output: "embedding", normalize: false };
  return { ...purpose, pooling: (await readSentenceConfig(located, undefined)).pooling };
}

/** Whether the compiled form is in the cache. A model that is not downloaded has none. */
async function findCompiled(call: ModelCall, task: ModelTask): Promise<boolean> {
  try {
    const model = await prepare({ ...call, task, offline: true });
    if (model.graph.kind === "onnx") return false;
    const { answerTokens } = model.prompt === undefined ? {} : await loadInputEncoder(model);
    return (await readCompiledModel(await compiledFolder(model.graph, answerTokens))) !== undefined;
  } catch (error) {
    // A cache that has some of the files looks like a model without the others.
    if (error instanceof PgVectorDBError && /^model_/.test(error.code)) return false;
    throw error;
  }
}

function taskOf(config: Readonly<Record<string, unknown>>): ModelTask {
  const isReranker = isLanguageModel(config) || architecturesOf(config).some((name) => /Classification$/.test(name));
  return isReranker ? "rerank" : "embed";
}

function architecturesOf({ architectures }: Readonly<Record<string, unknown>>): readonly string[] {
  return Array.isArray(architectures) ? architectures.map(String) : [];
}

function howOf(graph: ModelGraph): "compile" | "onnx" {
  return graph.kind === "onnx" ? "onnx" : "compile";
}
