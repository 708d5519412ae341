import type { FirstStageWeight } from "../contracts/reranker.ts";
import type { ModelDtype } from "../inference/graphs/choose-onnx-file.ts";
import type { LongDocuments, WindowPooling } from "../inference/inputs/long-documents.ts";
import type { TruncationStrategy } from "../inference/inputs/truncate-pair.ts";
import type { LoadOptions } from "../inference/local-model.ts";
import { checkLocalModelOptions, type LocalModelOptions, optionChecks } from "../inference/local-model-options.ts";
import { PROMPT_OPTIONS, type PromptOption } from "../inference/repository/prompt-templates.ts";
import { SequenceClassifier } from "../inference/sequence-classifier.ts";
import { BUILTIN_FIRST_STAGE_WEIGHT } from "../shipped-model.ts";
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
  /**
   * Which side of a pair that is too long is cut: the longer one, as sentence-transformers does, or only the document.
   * Default `"longest_first"`; a model with a prompt always cuts the document.
   */
  readonly truncation?: TruncationStrategy | undefined;
  /**
   * What becomes of a document that is longer than the model reads: it is cut; or it is split into windows that overlap,
   * the best one scores the document, and `rerankDetailed` tells which in `spans`; or it is an error. Default `"truncate"`.
   */
  readonly longDocuments?: LongDocuments | undefined;
  /** Tokens that neighbouring windows of a split document share, at most half a window. Default: a quarter of one. */
  readonly windowOverlap?: number | undefined;
  /** How a split document's score comes from its windows': the best one, or the mean of the best two. Default `"max"`. */
  readonly windowPooling?: WindowPooling | undefined;
  /**
   * The prompt that the pair is put into. Default `"auto"`: the chat template that sentence-transformers keeps with a model;
   * else Qwen3-Reranker, mxbai-rerank-v2 and their conversions get theirs, other models none.
   */
  readonly prompt?: PromptOption | undefined;
  /**
   * What a model with a prompt is told to look for, best in English. Default, for Qwen3-Reranker:
   * `"Given a web search query, retrieve relevant passages that answer the query"`; for mxbai-rerank-v2 nothing.
   */
  readonly instruction?: string | undefined;
  /** Whether loading ends with a check that a relevant passage beats an irrelevant one. Default `true`. */
  readonly selfCheck?: boolean | undefined;
  /** Told when that check fails. Default: `process.emitWarning`. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

export interface LocalRerankerDefaults {
  readonly model: string;
  readonly device: string;
  readonly batchSize: number;
}

const OWN_CHECKS = {
  relevantLabel: optionChecks.text,
  truncation: optionChecks.oneOf(["longest_first", "only_second"] satisfies TruncationStrategy[]),
  longDocuments: optionChecks.oneOf(["truncate", "split", "error"] satisfies LongDocuments[]),
  windowOverlap: optionChecks.size,
  windowPooling: optionChecks.oneOf(["max", "mean_of_two"] satisfies WindowPooling[]),
  prompt: optionChecks.oneOf(PROMPT_OPTIONS),
  instruction: optionChecks.text,
  selfCheck: optionChecks.flag,
  onWarning: optionChecks.callback,
} as const;
const CHECKED_BY_BASE = Object.fromEntries(BASE_OPTION_NAMES.map((name) => [name, ["valid", () => true] as const]));

/** What every reranker with a model on this machine shares. `rawScore` is the model's logit. */
export abstract class LocalReranker extends BaseReranker {
  override readonly firstStageWeight: FirstStageWeight | undefined;
  readonly #classifier: SequenceClassifier;

  constructor(options: LocalRerankerOptions, defaults: LocalRerankerDefaults) {
    checkLocalModelOptions(options, { ...OWN_CHECKS, ...CHECKED_BY_BASE });
    super(options);
    const model = options.model ?? defaults.model;
    const dtype: ModelDtype = options.dtype ?? (model === "builtin" ? "int8" : "fp32");
    this.firstStageWeight = model === "builtin" ? BUILTIN_FIRST_STAGE_WEIGHT : undefined;
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
      truncation: options.truncation,
      longDocuments: {
        mode: options.longDocuments ?? "truncate",
        overlap: options.windowOverlap,
        pooling: options.windowPooling ?? "max",
      },
      prompt: options.prompt,
      instruction: options.instruction,
      selfCheck: options.selfCheck,
      onWarning: options.onWarning,
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
    const { logits, truncated, tokens, spans } = await this.#classifier.score(query, texts, { signal });
    const truncatedTokens = truncated.reduce((sum, cut) => sum + cut.documentTokens + cut.queryTokens, 0);
    return { scores: logits, truncated, spans, usage: { tokens, truncatedTokens } };
  }
}
