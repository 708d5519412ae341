import { stat } from "node:fs/promises";
import { PgVectorDBError } from "../errors.ts";
import { readCompiledModel } from "./compiler/compiled-model.ts";
import { compiledFolder } from "./graphs/ensure-onnx-file.ts";
import { bytesOfWeights } from "./graphs/model-graph.ts";
import { type CheckpointPlan, type OnnxPlan, planGraph } from "./graphs/plan-graph.ts";
import { loadInputEncoder } from "./inputs/load-input-encoder.ts";
import { type LocatedModel, locateModel } from "./model-files/locate-model.ts";
import { decideTaskUse, type ModelCall, type ModelTask, prepareForTask, taskOf } from "./model-task.ts";
import { chooseEngine, type EngineFacts } from "./native/choose-engine.ts";
import { countModernbertNumbers } from "./native/modernbert-model.ts";
import { countNumbers } from "./native/native-tensors.ts";
import { readPrunedModel } from "./native/read-pruned-model.ts";
import { findTokenizerFiles } from "./prepare-model.ts";
import { architecturesOf, readModelConfig, readModelJson } from "./repository/model-config.ts";
import type { ModelPrompt } from "./repository/prompt-templates.ts";
import { planWorkers } from "./workers/plan-workers.ts";

export interface ModelDescriptionUse {
  readonly how: "compile" | "onnx";
  readonly file: string;
  readonly dtype: string;
  /** What runs it on this machine's processor: our own kernels, which need no compiled graph, or ONNX Runtime. */
  readonly engine: "native" | "onnxruntime";
  /** Why not our own kernels. */
  readonly engineReason: string | undefined;
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
  readonly use: ModelDescriptionUse | undefined;
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
  const task = call.task ?? (await taskOf(located, json));
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
    findTokenizerFiles(located, config);
    const use = await decideTaskUse(located, { ...call, task });
    const plan = await planGraph(located, { dtype: call.dtype, purpose: use });
    const isCompiled = plan.kind === "checkpoint" ? await findCompiled(call, task) : undefined;
    return {
      ...facts,
      prompt: use.prompt,
      use: {
        how: plan.kind === "onnx" ? "onnx" : "compile",
        file: plan.file,
        dtype: plan.dtype,
        ...(await describeEngine(located, plan, config.labels.length)),
      },
      reason: plan.kind === "onnx" ? plan.reason : undefined,
      compiled: isCompiled,
    };
  } catch (error) {
    if (!(error instanceof PgVectorDBError) || error.code === "aborted") throw error;
    return { ...facts, prompt: undefined, use: undefined, reason: error.message, compiled: undefined };
  }
}

/** What would run the model on a processor with as many workers as are worth it. */
async function describeEngine(
  located: LocatedModel,
  graph: CheckpointPlan | OnnxPlan,
  labels: number,
): Promise<Pick<ModelDescriptionUse, "engine" | "engineReason">> {
  const reason = await findEngineProblem(located, { graph, device: "cpu", threads: 1, labels });
  return { engine: reason === undefined ? "native" : "onnxruntime", engineReason: reason };
}

/** Why not our own kernels. */
async function findEngineProblem(
  located: LocatedModel,
  facts: EngineFacts & { readonly graph: CheckpointPlan | OnnxPlan },
): Promise<string | undefined> {
  const first = chooseEngine(facts);
  if (first.engine === "onnxruntime") return first.reason;
  if (first.kind === "onnx") return findPrunedProblem(located, facts.graph.file);
  // The weights are not here to be counted, so their number is taken from the sizes.
  const count = first.kind === "modernbert" ? countModernbertNumbers(first.model.shape) : countNumbers(first.sizes);
  const { choice } = await planWorkers({ ...facts, bytes: bytesOfWeights(count, facts.graph.dtype) });
  return choice.engine === "native" ? undefined : choice.reason;
}

/** Why an ONNX file is not the package's own reranker. One that is not on this machine is not fetched to find out. */
async function findPrunedProblem(located: LocatedModel, file: string): Promise<string | undefined> {
  if (located.origin === "hub") return "of an ONNX file on the hub it is not known before it is downloaded";
  const path = await located.fetch(file);
  const read = await readPrunedModel(path, (await stat(path)).size);
  return typeof read === "string" ? read : undefined;
}

/** Whether the compiled form is in the cache. A model that is not downloaded has none. */
async function findCompiled(call: ModelCall, task: ModelTask): Promise<boolean> {
  try {
    const model = await prepareForTask({ ...call, task, offline: true });
    if (model.graph.kind === "onnx") return false;
    const { answerTokens } = model.prompt === undefined ? {} : await loadInputEncoder(model);
    return (await readCompiledModel(await compiledFolder(model.graph, answerTokens))) !== undefined;
  } catch (error) {
    // A cache that has some of the files looks like a model without the others.
    if (error instanceof PgVectorDBError && /^model_/.test(error.code)) return false;
    throw error;
  }
}
