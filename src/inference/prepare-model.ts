import { PgVectorDBError } from "../errors.ts";
import type { ModelDtype } from "./graphs/choose-onnx-file.ts";
import { fetchModelGraph } from "./graphs/model-graph.ts";
import type { PreparedModel } from "./graphs/prepared-model.ts";
import type { TruncationStrategy } from "./inputs/truncate-pair.ts";
import {
  type LocatedModel,
  locateModel,
  type ModelProgress,
  type ModelRequest,
  modelCacheFolder,
} from "./model-files/locate-model.ts";
import { type ModelConfig, readModelConfig } from "./repository/model-config.ts";
import type { ModelUse } from "./repository/model-use.ts";
import { vocabularyFiles } from "./repository/tokenizer-settings.ts";
import { planWorkers } from "./workers/plan-workers.ts";

/** Which model to load and how to run it. */
export interface ModelSource extends Pick<ModelRequest, "model" | "revision" | "cacheDir" | "offline"> {
  readonly dtype: ModelDtype;
  /** `"auto"`, or the name of an execution provider of ONNX Runtime. */
  readonly device: string;
  /** Upper bound in tokens; the model's own limit counts too. */
  readonly maxLength: number;
  readonly batchSize: number;
  /** Upper bound on worker threads. Default: as many as are worth it. */
  readonly workers?: number | undefined;
  /** Which side of a pair gives way. Default `"longest_first"`. */
  readonly truncation?: TruncationStrategy | undefined;
}

export interface Preparation<Use extends ModelUse> {
  readonly use: Use;
  readonly model: PreparedModel;
}

/** Finds the files of a model, downloads what is needed, and decides how it is run. */
export async function prepareModel<Use extends ModelUse>(
  source: ModelSource,
  context: { readonly signal: AbortSignal; readonly onProgress: (progress: ModelProgress) => void },
  decideUse: (located: LocatedModel, config: ModelConfig) => Promise<Use>,
): Promise<Preparation<Use>> {
  const { model, revision, cacheDir, offline } = source;
  const located = await locateModel({ model, revision, cacheDir, offline, ...context });
  const config = await readModelConfig(located);
  const tokenizerFiles = findTokenizerFiles(located, config);
  const use = await decideUse(located, config);
  const [tokenizerPath = ""] = await fetchAll(located, tokenizerFiles);
  const { output, pooling, modules, normalize } = use;
  const purpose = { output, pooling, modules, normalize };
  const graph = await fetchModelGraph(located, { dtype: source.dtype, purpose }, modelCacheFolder(cacheDir));
  const { device } = source;
  const facts = { graph, device, bytes: graph.bytes, labels: config.labels.length || undefined };
  const { workers, threads, sharesWeights } = await planWorkers(facts, source.workers);
  return {
    use,
    model: {
      id: located.id,
      graph,
      tokenizerPath,
      tokenizer: config.tokenizer,
      maxTokens: Math.min(source.maxLength, config.maxTokens),
      padTokenId: config.padTokenId,
      padToken: config.padToken,
      truncationSide: config.truncationSide,
      truncation: source.truncation,
      prompt: use.prompt,
      device,
      workers,
      threads,
      sharesWeights,
      batchSize: source.batchSize,
    },
  };
}

/**
 * The files that hold a model's tokenizer: its tokenizer.json, or the vocabulary that Python makes one of.
 *
 * @throws PgVectorDBError `model_invalid` for a model that has neither, saying how a tokenizer.json is made
 */
export function findTokenizerFiles({ id, files }: LocatedModel, { tokenizer }: ModelConfig): readonly string[] {
  if (files.includes("tokenizer.json")) return ["tokenizer.json"];
  const vocabulary = vocabularyFiles(tokenizer);
  if (vocabulary.length > 0 && vocabulary.every((file) => files.includes(file))) return vocabulary;
  const older = files.find((file) => /^(vocab\.txt|vocab\.json|.*\.model)$/.test(file));
  const reader = tokenizer.name === undefined ? "Python" : `Python's ${tokenizer.name}`;
  const advice =
    older === undefined
      ? "Choose a model that has one."
      : `It has ${older}, which ${reader} turns into one: AutoTokenizer.from_pretrained(model).save_pretrained(folder).`;
  throw new PgVectorDBError("model_invalid", `The model "${id}" has no tokenizer.json. ${advice}`);
}

/** Their paths, in the order of `files`. */
async function fetchAll(located: LocatedModel, files: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  for (const file of files) paths.push(await located.fetch(file));
  return paths;
}
