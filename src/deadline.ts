import { PgVectorDBError } from "./errors.ts";

export interface DeadlineOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** The longest delay a Node timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs `work` under one signal that fires when the caller aborts or the time is up, and rejects then,
 * whether or not `work` listens to it. `work` starts only if neither has happened yet.
 *
 * @throws PgVectorDBError `aborted` or `timeout`; `invalid_argument` for a `timeoutMs` that is not a positive number.
 */
export async function withDeadline<T>(options: DeadlineOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal: callerSignal, timeoutMs } = options;
  checkTimeout(timeoutMs);
  checkSignal(callerSignal);
  if (callerSignal?.aborted) throw abortedError(callerSignal.reason);

  const controller = new AbortController();
  const abort = () => controller.abort(abortedError(callerSignal?.reason));
  const timer =
    timeoutMs === undefined || timeoutMs > MAX_TIMER_MS
      ? undefined
      : setTimeout(() => controller.abort(timeoutError(timeoutMs)), timeoutMs);
  callerSignal?.addEventListener("abort", abort, { once: true });
  try {
    return await raceWithSignal(work(controller.signal), controller.signal);
  } finally {
    clearTimeout(timer);
    callerSignal?.removeEventListener("abort", abort);
  }
}

/** Throws the signal's reason as this library's error when it has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw toAbortError(signal.reason);
}

/** @throws PgVectorDBError `invalid_argument` */
export function checkTimeout(timeoutMs: unknown): void {
  if (timeoutMs !== undefined && !(typeof timeoutMs === "number" && timeoutMs > 0)) {
    throw new PgVectorDBError("invalid_argument", "`timeoutMs` must be a positive number of milliseconds.");
  }
}

/** @throws PgVectorDBError `invalid_argument` */
export function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new PgVectorDBError("invalid_argument", "`signal` must be an AbortSignal.");
  }
}

/** Settles as `promise` does, or rejects with the signal's reason as soon as that fires, whichever is first. */
export function raceWithSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(toAbortError(signal.reason));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise
      // Work that stops because of the signal may reject with the runtime's own AbortError: the deadline's reason is the truth.
      .then(resolve, (error: unknown) => reject(signal.aborted ? toAbortError(signal.reason) : error))
      .finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function toAbortError(reason: unknown): PgVectorDBError {
  return reason instanceof PgVectorDBError ? reason : abortedError(reason);
}

function abortedError(reason: unknown): PgVectorDBError {
  return new PgVectorDBError("aborted", "The call was aborted by its `signal`.", { cause: reason });
}

function timeoutError(timeoutMs: number): PgVectorDBError {
  return new PgVectorDBError("timeout", `The call did not finish within \`timeoutMs\` (${timeoutMs} ms).`, {
    retryable: true,
  });
}
