import { setTimeout as sleep } from "node:timers/promises";
import { throwIfAborted } from "../../deadline.ts";
import type { Attempt, FailedAttempt } from "./attempt.ts";

export interface RetryOptions {
  /** How often a request is made again at most. */
  readonly maxRetries: number;
  /** The first back-off in milliseconds; it doubles each time. */
  readonly retryDelayMs: number;
  readonly signal: AbortSignal;
  /** When the deadline passes, on the clock of `performance.now()`. A wait that would end later is not begun. */
  readonly deadlineAt: number;
  readonly onRetry: () => void;
}

const MAX_BACK_OFF_MS = 10_000;

/** A service that asks for a longer wait than this is not waited for, even without a deadline. */
const MAX_RETRY_AFTER_MS = 120_000;

/**
 * Makes a request until it succeeds, may not be repeated, or no time is left.
 *
 * Written here because no library on Node 20 covers it: p-retry takes no delay from the service, cockatiel's sleep ignores an abort.
 *
 * @throws PgVectorDBError the last failure's error, or the signal's reason
 */
export async function retry<T>(attempt: () => Promise<Attempt<T>>, options: RetryOptions): Promise<T> {
  const { signal, deadlineAt, onRetry } = options;
  for (let retries = 0; ; retries++) {
    throwIfAborted(signal);
    const outcome = await attempt();
    if (outcome.ok) return outcome.value;
    const waitMs = waitBefore(retries, outcome, options);
    if (waitMs === undefined || performance.now() + waitMs >= deadlineAt) throw outcome.error;
    // Woken early, it is the signal's reason that is thrown.
    await sleep(waitMs, undefined, { signal }).catch(() => throwIfAborted(signal));
    onRetry();
  }
}

/** Milliseconds until the next attempt; `undefined` when there is to be none. */
function waitBefore(
  retries: number,
  failure: FailedAttempt,
  { maxRetries, retryDelayMs }: RetryOptions,
): number | undefined {
  const allowed = { allowed: maxRetries, once: Math.min(1, maxRetries), never: 0 }[failure.retry];
  if (retries >= allowed) return undefined;
  const { retryAfterMs } = failure;
  if (retryAfterMs === undefined) {
    const backOffMs = Math.min(retryDelayMs * 2 ** retries, MAX_BACK_OFF_MS);
    return backOffMs * (0.5 + Math.random() / 2);
  }
  // Never sooner than asked, and not all clients in the same millisecond.
  return retryAfterMs > MAX_RETRY_AFTER_MS
    ? undefined
    : retryAfterMs + Math.random() * Math.min(retryAfterMs / 10, 1000);
}
