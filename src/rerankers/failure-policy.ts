import type { RerankInput } from "../contracts/document.ts";
import type { FailurePolicy, RerankResult, RerankUsage } from "../contracts/reranker.ts";
import { PgVectorDBError, type PgVectorDBErrorCode } from "../errors.ts";
import { attachScores } from "./attach-scores.ts";

/** A failed rerank: what is needed to go on without the reranker. */
export interface FailedRerank<T extends RerankInput> {
  readonly error: unknown;
  /** Name of the reranker that failed. */
  readonly backend: string;
  readonly query: string;
  readonly documents: readonly T[];
  readonly topK: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** What is left of the call's own deadline. */
  readonly remainingMs: number | undefined;
  /** What the failed attempt cost. */
  readonly usage: RerankUsage;
}

/** The caller's own doing: another reranker would not change it, and hiding it would not help. */
const ALWAYS_THROWN: ReadonlySet<PgVectorDBErrorCode> = new Set(["invalid_argument", "aborted", "closed"]);

/** Ends a failed rerank as the policy says. @throws the error, under `"throw"` or when it is the caller's own */
export async function recover<T extends RerankInput>(
  policy: FailurePolicy,
  failed: FailedRerank<T>,
): Promise<RerankResult<T>> {
  const { error } = failed;
  if (policy === "throw" || (error instanceof PgVectorDBError && ALWAYS_THROWN.has(error.code))) throw error;
  return policy === "passthrough" ? passThrough(failed) : fallBack(policy, failed);
}

/** @throws PgVectorDBError `invalid_argument` */
export function checkFailurePolicy(policy: unknown): void {
  if (policy === undefined || policy === "throw" || policy === "passthrough") return;
  const { fallback, threshold } = (policy ?? {}) as { fallback?: { rerankDetailed?: unknown }; threshold?: unknown };
  if (typeof fallback?.rerankDetailed !== "function") {
    throw new PgVectorDBError(
      "invalid_argument",
      '`onError` must be "throw", "passthrough" or `{ fallback: reranker }`; make a function a reranker with `fromFunction`.',
    );
  }
  if (threshold !== undefined && !(typeof threshold === "number" && threshold >= 0 && threshold <= 1)) {
    throw new PgVectorDBError("invalid_argument", "`onError.threshold` must be a number from 0 to 1.");
  }
}

function passThrough<T extends RerankInput>(failed: FailedRerank<T>): RerankResult<T> {
  const documents = failed.documents
    .slice(0, failed.topK)
    .map((document, index) => attachScores(document, { index, rawScore: 0 }, "unit"));
  return {
    documents,
    reranked: false,
    backend: failed.backend,
    reason: reasonOf(failed),
    usage: failed.usage,
    truncated: [],
  };
}

async function fallBack<T extends RerankInput>(
  { fallback, threshold }: Exclude<FailurePolicy, string>,
  failed: FailedRerank<T>,
): Promise<RerankResult<T>> {
  const { query, documents, topK, signal, remainingMs } = failed;
  // Even with no time left the fallback is asked: its own policy then decides what the caller gets.
  const timeoutMs = remainingMs === undefined ? undefined : Math.max(1, remainingMs);
  try {
    const result = await fallback.rerankDetailed(query, documents, { topK, threshold, signal, timeoutMs });
    const reason = [reasonOf(failed), result.reason].filter((part) => part !== undefined).join(" ");
    return { ...result, reason, usage: addUsage(failed.usage, result.usage) };
  } catch (error) {
    if (!(error instanceof PgVectorDBError) || ALWAYS_THROWN.has(error.code)) throw error;
    throw new PgVectorDBError(error.code, `${error.message} It stood in for another: ${reasonOf(failed)}`, {
      retryable: error.retryable,
      cause: error,
    });
  }
}

function reasonOf({ error, backend }: FailedRerank<RerankInput>): string {
  // A foreign error's message may quote a document.
  return error instanceof PgVectorDBError
    ? `${backend} failed (${error.code}): ${error.message}`
    : `${backend} failed with ${error instanceof Error ? error.name : typeof error}.`;
}

function addUsage(first: RerankUsage, second: RerankUsage): RerankUsage {
  const counters = ["tokens", "truncatedTokens", "calls", "retries", "searchUnits", "cacheHits"] as const;
  const sums = counters
    .filter((name) => first[name] !== undefined || second[name] !== undefined)
    .map((name) => [name, (first[name] ?? 0) + (second[name] ?? 0)] as const);
  return {
    documents: second.documents,
    durationMs: first.durationMs + second.durationMs,
    ...Object.fromEntries(sums),
  };
}
