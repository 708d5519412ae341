import type { PgVectorDBError } from "../../errors.ts";

/** How one request to a service ended. A failure is a value here, so that the retry rules can be read off it. */
export type Attempt<T> = { readonly ok: true; readonly value: T } | FailedAttempt;

export interface FailedAttempt {
  readonly ok: false;
  readonly error: PgVectorDBError;
  /** How often the same request may be made again: as often as the options allow, once, or never. */
  readonly retry: "allowed" | "once" | "never";
  /** How long the service asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}
