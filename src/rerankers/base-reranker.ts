import type { Reranked, RerankedDocument, RerankInput } from "../contracts/document.ts";
import type {
  Reranker,
  RerankOptions,
  RerankResult,
  RerankUsage,
  ScoreScale,
  TruncatedPair,
} from "../contracts/reranker.ts";
import { withDeadline } from "../deadline.ts";
import { type IndexedScore, rankScores } from "./rank-scores.ts";
import { checkRerankArguments, textsOf } from "./rerank-arguments.ts";
import { toUnitScore } from "./score-scale.ts";

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
}

/** One number per document in input order, or index and score pairs: at least the best `topK`. Higher is better. */
export type Scores = readonly (number | IndexedScore)[];

/** Scores with what else the backend knows. */
export interface ScoreResult {
  readonly scores: Scores;
  readonly usage?: Partial<RerankUsage>;
  readonly truncated?: readonly TruncatedPair[];
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
    const { topK, threshold, signal, timeoutMs } = options;
    // A copy, so that a caller who changes the array while the model runs cannot mix up documents and scores.
    const inputs = [...documents];
    const texts = textsOf(inputs);
    const result = await withDeadline({ signal, timeoutMs }, (deadline) =>
      texts.length === 0
        ? Promise.resolve<ScoreResult>({ scores: [] })
        : this.#score({ query: query.toWellFormed(), documents: inputs, texts, topK, signal: deadline }),
    );
    const ranked = rankScores(result.scores, { scale: this.scale, documentCount: texts.length, topK })
      .slice(0, topK)
      .map((ranking) => attachScores(inputs[ranking.index] as T, ranking, this.scale))
      .filter((document) => threshold === undefined || document.score >= threshold);
    return {
      documents: ranked,
      reranked: true,
      backend: this.name,
      usage: { documents: texts.length, ...result.usage, durationMs: performance.now() - startedAt },
      truncated: result.truncated ?? [],
    };
  }

  async #score(request: ScoreRequest): Promise<ScoreResult> {
    const result = await this.score(request);
    return isScoreResult(result) ? result : { scores: result };
  }
}

function isScoreResult(result: Scores | ScoreResult): result is ScoreResult {
  return typeof result === "object" && result !== null && "scores" in result;
}

function attachScores<T extends RerankInput>(
  document: T,
  { index, rawScore }: IndexedScore,
  scale: ScoreScale,
): RerankedDocument<T> {
  const fields: Record<string, unknown> = typeof document === "string" ? { content: document } : { ...document };
  const retrievalScore = fields["score"];
  // Left by an earlier rerank; it is only true of that one.
  delete fields["retrievalScore"];
  const reranked: Reranked = {
    score: toUnitScore(rawScore, scale),
    rawScore,
    index,
    ...(typeof retrievalScore === "number" ? { retrievalScore } : {}),
  };
  return Object.assign(fields, reranked) as unknown as RerankedDocument<T>;
}
