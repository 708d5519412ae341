import type { TruncationStrategy } from "../inputs/truncate-pair.ts";
import type { ModelPrompt } from "../repository/prompt-templates.ts";
import type { TokenizerSettings } from "../repository/tokenizer-settings.ts";
import type { ModelGraph } from "./model-graph.ts";

/** All that a worker needs to load a model. Plain data: it is sent to the worker. */
export interface PreparedModel {
  readonly id: string;
  readonly graph: ModelGraph;
  /** A tokenizer.json, or the vocabulary that stands for one; what belongs to that is beside it. */
  readonly tokenizerPath: string;
  readonly tokenizer: TokenizerSettings;
  readonly maxTokens: number;
  readonly padTokenId: number | undefined;
  readonly padToken: string | undefined;
  readonly truncationSide: "left" | "right";
  readonly truncation: TruncationStrategy | undefined;
  /** What the pair is put into, for language models. */
  readonly prompt: ModelPrompt | undefined;
  readonly device: string;
  /** Worker threads that run the model, each with a copy of its weights. */
  readonly workers: number;
  /** Whether our own kernels are to run it, whose workers have one copy between them. */
  readonly sharesWeights: boolean;
  /** Threads of each worker's session. */
  readonly threads: number;
  /** Most inputs in one run of the model, as its caller wants it. */
  readonly batchSize: number;
}
