import type { ModelDtype } from "../inference/choose-onnx-file.ts";
import type { LoadOptions } from "../inference/local-model.ts";
import { checkLocalModelOptions, type LocalModelOptions, optionChecks } from "../inference/local-model-options.ts";
import { SequenceClassifier } from "../inference/sequence-classifier.ts";
import {
  BASE_OPTION_NAMES,
  BaseReranker,
  type BaseRerankerOptions,
  type ScoreRequest,
  type ScoreResult,
} from "./base-reranker.ts";

export interface LocalRerankerOptions extends LocalModelOptions, BaseRerankerOptions {
  /** The label that means "relevant", for models that sort pairs into more than two. */
  readonly relevantLabel?: string | undefined;
}

export interface LocalRerankerDefaults {
  readonly model: string;
  readonly device: string;
  readonly batchSize: number;
}

const CHECKED_BY_BASE = Object.fromEntries(BASE_OPTION_NAMES.map((name) => [name, ["valid", () => true] as const]));

/** What every reranker with a model on this machine shares. `rawScore` is the model's logit. */
export abstract class LocalReranker extends BaseReranker {
  readonly #classifier: SequenceClassifier;

  constructor(options: LocalRerankerOptions, defaults: LocalRerankerDefaults) {
    checkLocalModelOptions(options, { relevantLabel: optionChecks.text, ...CHECKED_BY_BASE });
    super(options);
    const model = options.model ?? defaults.model;
    const dtype: ModelDtype = options.dtype ?? (model === "builtin" ? "int8" : "fp32");
    this.#classifier = new SequenceClassifier({
      model,
      dtype,
      device: options.device ?? defaults.device,
      batchSize: options.batchSize ?? defaults.batchSize,
      workers: options.workers,
      maxLength: options.maxLength ?? 512,
      revision: options.revision,
      cacheDir: options.cacheDir,
      offline: options.offline,
      relevantLabel: options.relevantLabel,
      onProgress: options.onProgress,
    });
  }

  /** Downloads the model if it must and loads it, so that the first `rerank` does not wait for that. */
  override async load(options: LoadOptions = {}): Promise<void> {
    await this.#classifier.load(options);
  }

  /** Ends the worker thread. Calls that wait reject with `closed`, as later ones do. */
  override async close(): Promise<void> {
    await this.#classifier.close();
  }

  protected override async score({ query, texts, signal }: ScoreRequest): Promise<ScoreResult> {
    const { logits, truncated, tokens } = await this.#classifier.score(query, texts, { signal });
    return { scores: logits, truncated, usage: { tokens } };
  }
}
