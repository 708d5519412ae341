import type { RerankedDocument, RerankInput } from "../contracts/document.ts";
import type {
  FailurePolicy,
  FirstStageWeight,
  Reranker,
  RerankOptions,
  RerankResult,
  RerankUsage,
  ScoreScale,
  TruncatedPair,
  WinningSpan,
} from "../contracts/reranker.ts";
import { checkTimeout, withDeadline } from "../deadline.ts";
import { attachScores } from "./attach-scores.ts";
import { type DocumentText, type DocumentTextOptions, documentText, type FieldFormat } from "./document-text.ts";
import { checkFailurePolicy, recover } from "./failure-policy.ts";
import { type IndexedScore, rankScores } from "./rank-scores.ts";
import { checkRerankArguments, textsOf } from "./rerank-arguments.ts";
import { UsageMeter } from "./usage-meter.ts";

/** What every reranker can be made with. */
export interface BaseRerankerOptions extends DocumentTextOptions {
  /**
   * The longest this reranker may take for one rerank, in milliseconds: queueing, retries and back-off included, its fallback not.
   * A `timeoutMs` given per call bounds the whole call; the sooner of the two counts.
   */
  readonly timeoutMs?: number | undefined;
  /** What to do when this reranker fails. Default `"throw"`. A fallback is not closed with this reranker. */
  readonly onError?: FailurePolicy | undefined;
}

export const BASE_OPTION_NAMES = [
  "timeoutMs",
  "onError",
  "fields",
  "render",
] as const satisfies readonly (keyof BaseRerankerOptions)[];

/** What a backend chooses for its users. */
export interface RerankerDefaults {
  /** The deadline when neither the options nor the call give one. Default: none. */
  readonly timeoutMs?: number | undefined;
  /** How `fields` become a text. Default `"lines"`. */
  readonly fieldFormat?: FieldFormat | undefined;
}

export interface ScoreRequest<T extends RerankInput = RerankInput> {
  /** Never blank; well-formed Unicode. */
  readonly query: string;
  /** The caller's documents, never empty. Read them, do not change them. */
  readonly documents: readonly T[];
  /** `texts[i]` is the text of `documents[i]`, well-formed Unicode, possibly blank. */
  readonly texts: readonly string[];
  /** How many results the caller wants; `undefined` means all. A backend may ignore it. */
  readonly topK: number | undefined;
  /** Fires when the caller aborts or the deadline passes. Pass it on to whatever you wait for. */
  readonly signal: AbortSignal;
  /** When the deadline passes, on the clock of `performance.now()`; `Infinity` without one. */
  readonly deadlineAt: number;
  /** Counts what this rerank costs, for its `usage`; what you add stays counted when you fail. */
  readonly meter: UsageMeter;
}

/** One number per document in input order, or index and score pairs: at least the best `topK`. Higher is better. */
export type Scores = readonly (number | IndexedScore)[];

/** Scores with what else the backend knows. */
export interface ScoreResult {
  readonly scores: Scores;
  readonly usage?: Partial<RerankUsage>;
  readonly truncated?: readonly TruncatedPair[];
  /** Of documents that were split, the part that scored best. */
  readonly spans?: readonly WinningSpan[];
}

/**
 * The contract of every reranker. Implement `score`; checks, deadline, order, ties, `topK`, `threshold` and the
 * attachment of scores to documents are done here, once.
 *
 * @example
 * ```ts
 * class LongestFirst extends BaseReranker {
 *   readonly name = "longest-first";
 *   protected async score({ texts }: ScoreRequest) {
 *     return texts.map((text) => text.length);
 *   }
 * }
 * const [best] = await new LongestFirst().rerank("query", ["short", "rather long"], { topK: 1 });
 * ```
 */
export abstract class BaseReranker implements Reranker, AsyncDisposable {
  /** Names the reranker in results. */
  abstract readonly name: string;

  /** What `score` returns. Override it with `"unit"` when your scores are on 0..1 already. */
  readonly scale: ScoreScale = "logit";

  /** What the first stage's order counts beside the scores in `rerankSearch`. Override it where you measured that it helps. */
  readonly firstStageWeight: FirstStageWeight | undefined = undefined;

  readonly #timeoutMs: number | undefined;
  readonly #defaultTimeoutMs: number | undefined;
  readonly #onError: FailurePolicy;
  readonly #textOf: DocumentText;

  /** @throws PgVectorDBError `invalid_argument` */
  constructor(options: BaseRerankerOptions = {}, defaults: RerankerDefaults = {}) {
    checkFailurePolicy(options.onError);
    checkTimeout(options.timeoutMs);
    this.#timeoutMs = options.timeoutMs;
    this.#onError = options.onError ?? "throw";
    this.#defaultTimeoutMs = defaults.timeoutMs;
    this.#textOf = documentText(options, defaults.fieldFormat ?? "lines");
  }

  /** Scores `texts` against `query`. Called with at least one document, after all arguments were checked. */
  protected abstract score(request: ScoreRequest): Promise<Scores | ScoreResult>;

  /**
   * Orders documents by relevance. The input is not touched; no documents give no result and load nothing.
   *
   * @returns new objects, best first: the caller's fields with `score` (0..1), `rawScore`, `index` and `retrievalScore`
   * @throws PgVectorDBError, always as a rejection: `invalid_argument`, `aborted`, `timeout`, `invalid_response`, or the backend's own
   */
  async rerank<T extends RerankInput>(
    query: string,
    documents: readonly T[],
    options: RerankOptions = {},
  ): Promise<RerankedDocument<T>[]> {
    return (await this.#run(query, documents, options)).documents;
  }

  /** The same as `rerank`, with who ranked, what it cost and what was cut. */
  async rerankDetailed<T extends RerankInput>(
    query: string,
    documents: readonly T[],
    options: RerankOptions = {},
  ): Promise<RerankResult<T>> {
    if (this.rerank === BaseReranker.prototype.rerank) return this.#run(query, documents, options);
    // A subclass that replaces `rerank` itself decides the order; only what it returns is known.
    const startedAt = performance.now();
    const ranked = await this.rerank(query, documents, options);
    const usage = { documents: documents.length, durationMs: performance.now() - startedAt };
    return { documents: ranked, reranked: true, backend: this.name, usage, truncated: [] };
  }

  /** Prepares the first call: loads a model, opens a connection. The first call does it too. */
  async load(_options?: { readonly signal?: AbortSignal | undefined }): Promise<void> {}

  /** Releases everything the reranker holds. Safe to call twice. */
  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run<T extends RerankInput>(
    query: string,
    documents: readonly T[],
    options: RerankOptions,
  ): Promise<RerankResult<T>> {
    const startedAt = performance.now();
    checkRerankArguments(query, documents, options);
    const { topK, signal, timeoutMs, onError = this.#onError } = options;
    // A copy, so that a caller who changes the array while the model runs cannot mix up documents and scores.
    const inputs = [...documents];
    const meter = new UsageMeter();
    const usage = () => ({ documents: inputs.length, ...meter.totals, durationMs: performance.now() - startedAt });
    try {
      const { documents: ranked, result } = await this.#rank(query, inputs, options, meter);
      const truncated = result.truncated ?? [];
      // Not a spread: V8 makes a hidden class for each object that begins with one, and only a full collection frees it.
      const total = Object.assign(usage(), result.usage, { durationMs: performance.now() - startedAt });
      const spans = result.spans?.length ? { spans: result.spans } : {};
      const weight = this.firstStageWeight ? { firstStageWeight: this.firstStageWeight } : {};
      return { documents: ranked, reranked: true, backend: this.name, usage: total, truncated, ...spans, ...weight };
    } catch (error) {
      const remainingMs = timeoutMs === undefined ? undefined : startedAt + timeoutMs - performance.now();
      const failed = { error, backend: this.name, query, documents: inputs, topK, signal, remainingMs, usage: usage() };
      return recover(onError, failed);
    }
  }

  async #rank<T extends RerankInput>(
    query: string,
    inputs: readonly T[],
    { topK, threshold, signal, timeoutMs: callTimeoutMs }: RerankOptions,
    meter: UsageMeter,
  ): Promise<{ readonly documents: RerankedDocument<T>[]; readonly result: ScoreResult }> {
    const texts = textsOf(inputs, this.#textOf);
    checkTimeout(callTimeoutMs);
    const timeoutMs = soonest(callTimeoutMs, this.#timeoutMs) ?? this.#defaultTimeoutMs;
    const deadlineAt = performance.now() + (timeoutMs ?? Number.POSITIVE_INFINITY);
    const result = await withDeadline({ signal, timeoutMs }, (deadline) => {
      if (texts.length === 0) return Promise.resolve<ScoreResult>({ scores: [] });
      const wellFormed = query.toWellFormed();
      return this.#score({ query: wellFormed, documents: inputs, texts, topK, signal: deadline, deadlineAt, meter });
    });
    const documents = rankScores(result.scores, { scale: this.scale, documentCount: texts.length, topK })
      .slice(0, topK)
      .map((ranking) => attachScores(inputs[ranking.index] as T, ranking, this.scale))
      .filter((document) => threshold === undefined || document.score >= threshold);
    return { documents, result };
  }

  async #score(request: ScoreRequest): Promise<ScoreResult> {
    const result = await this.score(request);
    return isScoreResult(result) ? result : { scores: result };
  }
}

function isScoreResult(result: Scores | ScoreResult): result is ScoreResult {
  return typeof result === "object" && result !== null && "scores" in result;
}

function soonest(first: number | undefined, second: number | undefined): number | undefined {
  return first === undefined || second === undefined ? (first ?? second) : Math.min(first, second);
}
