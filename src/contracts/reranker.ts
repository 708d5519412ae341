import type { RerankedDocument, RerankInput } from "./document.ts";

/**
 * What a reranker's `rawScore` is:
 * `logit`, any finite number, mapped to 0..1 by the logistic function; `unit`, a number that is on 0..1 already; or
 * `cosine`, one from -1 to 1, mapped to `(1 + cosine) / 2`.
 */
export type ScoreScale = "logit" | "unit" | "cosine";

export interface RerankOptions {
  /** How many documents to return: a positive integer. Default: all. */
  readonly topK?: number | undefined;
  /** Leave out documents whose `score` (0..1) is below this. Default: keep all. */
  readonly threshold?: number | undefined;
  /** Aborting rejects the call with code `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** The whole call's deadline in milliseconds, fallbacks included; past it the call rejects with code `timeout`. Default: none. */
  readonly timeoutMs?: number | undefined;
  /** What to do when the reranker fails, for this call. Default: what the reranker was made with, else `"throw"`. */
  readonly onError?: FailurePolicy | undefined;
}

/**
 * What becomes of a rerank whose reranker fails: the error is thrown; or the documents come back in the order they had,
 * with `reranked: false`, the reason, and scores of 0; or another reranker does it, under its own policy, so that policies chain.
 * Wrong arguments, an abort and a closed reranker are thrown under every policy.
 *
 * The call's `threshold` is for the scores of the reranker that was asked: it is applied neither to documents passed through
 * nor to a fallback's scores, which are another model's. `threshold` beside `fallback` is for those.
 */
export type FailurePolicy =
  | "throw"
  | "passthrough"
  | { readonly fallback: Reranker; readonly threshold?: number | undefined };

/** A pair that was longer than the model reads: how many tokens were cut off, at least. Of a very long text only the beginning is counted. */
export interface TruncatedPair {
  /** Position of the document in the input. */
  readonly index: number;
  /** Tokens cut from the end of the document. */
  readonly documentTokens: number;
  /** Tokens cut from the end of the query, when cutting the document was not enough. */
  readonly queryTokens: number;
  /** Characters (UTF-16 units) cut from the end of the document, where a service limits characters and not tokens. */
  readonly documentCharacters?: number;
}

/** Where in a document that was split the best window is: `text.slice(start, end)` of the text that was ranked. */
export interface WinningSpan {
  /** Position of the document in the input. */
  readonly index: number;
  /** In UTF-16 units, as `slice` takes them. */
  readonly start: number;
  readonly end: number;
  /** How many windows of the document were scored. */
  readonly windows: number;
}

/** What a rerank cost. A backend fills in what it knows. */
export interface RerankUsage {
  /** Documents scored. */
  readonly documents: number;
  /** Milliseconds from call to result. */
  readonly durationMs: number;
  /** Tokens the model read, special tokens included; for a service, the tokens it counts. */
  readonly tokens?: number;
  /** Tokens cut off because a pair was longer than the model reads; of very long texts at least so many. Known for local models. */
  readonly truncatedTokens?: number;
  /** Requests made to a service, retries included. Failed backends of a chain count too, here and below. */
  readonly calls?: number;
  /** How many of `calls` were retries. */
  readonly retries?: number;
  /** Search units that a service bills. */
  readonly searchUnits?: number;
  /** Documents whose score came from the cache or from an identical request under way. */
  readonly cacheHits?: number;
}

export interface RerankResult<T extends RerankInput> {
  /** Best first, cut at `topK` and `threshold`. */
  readonly documents: RerankedDocument<T>[];
  /** Whether a reranker ordered `documents`. */
  readonly reranked: boolean;
  /** Name of the reranker that did it; when `reranked` is false, of the one that was to. */
  readonly backend: string;
  /** Why not, when `reranked` is false; why another, when a fallback did it. */
  readonly reason?: string;
  readonly usage: RerankUsage;
  /** The pairs that were cut to fit the model, by position in the input. */
  readonly truncated: readonly TruncatedPair[];
  /** For each document that was split into windows, the one that scored best; by position in the input. Absent when none was split. */
  readonly spans?: readonly WinningSpan[];
  /** The `firstStageWeight` of the reranker that ordered `documents`, which it did without it; absent where it has none. */
  readonly firstStageWeight?: FirstStageWeight;
}

/**
 * What a first stage is taken for: `modest` is keyword search, trigrams and an embedder that says it is (`hybridWeight` below 1, as
 * the built-in one's); `strong` is a search by the vectors of any other embedder, alone or with others.
 */
export type FirstStageStrength = "modest" | "strong";

/** At least 0: one weight behind every first stage, or one for each strength. */
export type FirstStageWeight = number | Readonly<Record<FirstStageStrength, number>>;

/** Anything that orders documents by relevance to a query. Extend `BaseReranker` rather than implement this. */
export interface Reranker {
  readonly name: string;
  readonly scale: ScoreScale;
  /**
   * What the first stage's order counts beside this reranker's scores in a `rerankSearch` that does not say: `w` multiplies a
   * candidate's odds by its rank to the power of `-w`. `rerank` does not look at it. Default 0.
   */
  readonly firstStageWeight?: FirstStageWeight | undefined;
  rerank<T extends RerankInput>(
    query: string,
    documents: readonly T[],
    options?: RerankOptions,
  ): Promise<RerankedDocument<T>[]>;
  rerankDetailed<T extends RerankInput>(
    query: string,
    documents: readonly T[],
    options?: RerankOptions,
  ): Promise<RerankResult<T>>;
}

/** The smallest reranker: `scores[i]` belongs to `texts[i]`, higher is better. */
export type RerankFunction = (
  query: string,
  texts: readonly string[],
  options: { readonly signal: AbortSignal },
) => readonly number[] | Promise<readonly number[]>;
