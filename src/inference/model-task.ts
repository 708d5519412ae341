import type { ModelDtype } from "./graphs/choose-onnx-file.ts";
import type { PreparedModel } from "./graphs/prepared-model.ts";
import type { LocatedModel, ModelProgress, ModelRequest } from "./model-files/locate-model.ts";
import { prepareModel } from "./prepare-model.ts";
import { decideClassifierUse } from "./repository/classifier-use.ts";
import { hasClassificationHead, readModelConfig, readModelJson } from "./repository/model-config.ts";
import type { ModelUse } from "./repository/model-use.ts";
import { isModuleClassifier } from "./repository/module-classifier.ts";
import { isLanguageModel } from "./repository/prompt-templates.ts";
import { POOLING_FILE, readSentenceConfig } from "./repository/sentence-config.ts";

/** What a model is for: scores of pairs, or vectors of texts. */
export type ModelTask = "rerank" | "embed";

export interface ModelCall extends Pick<ModelRequest, "model" | "revision" | "cacheDir" | "offline" | "signal"> {
  readonly dtype: ModelDtype;
  /** Default: as its architecture says. */
  readonly task?: ModelTask | undefined;
  readonly relevantLabel?: string | undefined;
  readonly onProgress?: ((progress: ModelProgress) => void) | undefined;
}

/** Finds and downloads what loading a model for its task needs. */
export async function prepareForTask(call: ModelCall): Promise<PreparedModel> {
  const { signal = new AbortController().signal, onProgress = () => {} } = call;
  const source = { ...call, device: "cpu", maxLength: Number.MAX_SAFE_INTEGER, batchSize: 1 };
  const { model } = await prepareModel(source, { signal, onProgress }, (located) => decideTaskUse(located, call));
  return model;
}

/** How a model is used for the task that is asked for, or else for the one its architecture says. */
export async function decideTaskUse(located: LocatedModel, call: ModelCall): Promise<ModelUse> {
  const json = (await readModelJson(located, "config.json")) ?? {};
  if ((call.task ?? (await taskOf(located, json))) === "rerank") {
    return decideClassifierUse(located, await readModelConfig(located), { relevantLabel: call.relevantLabel });
  }
  const { pooling, modules } = await readSentenceConfig(located, undefined);
  return { output: "embedding", normalize: false, pooling, modules };
}

/** What a model is for, as its files say. */
export async function taskOf(located: LocatedModel, config: Readonly<Record<string, unknown>>): Promise<ModelTask> {
  if (await isModuleClassifier(located)) return "rerank";
  if (located.files.includes(POOLING_FILE)) return "embed";
  return isLanguageModel(config) || hasClassificationHead(config) ? "rerank" : "embed";
}
