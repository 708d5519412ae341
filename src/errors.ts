/** Every way this library can fail. `switch` over it: the union is closed. */
export type PgVectorDBErrorCode =
  /** An argument or option has the wrong type or value; the message names it. */
  | "invalid_argument"
  /** The caller's `signal` was aborted. */
  | "aborted"
  /** `timeoutMs` ran out. */
  | "timeout"
  /** An optional package that this feature needs is not installed; the message gives the command. */
  | "missing_dependency"
  /** No model was found at the folder, in the cache or on the hub. */
  | "model_not_found"
  /** The model's files were found but cannot be used: corrupt, incomplete, or of an unsupported kind. */
  | "model_invalid"
  /** A download or a request did not get through. */
  | "network"
  /** A service refused the credentials. */
  | "unauthorized"
  /** A service asked to slow down. */
  | "rate_limited"
  /** A service answered with another error. */
  | "service_error"
  /** A reranker, embedder or service gave an answer that breaks its contract. */
  | "invalid_response"
  /** The model runtime failed while scoring. */
  | "inference_failed"
  /** More work is waiting than the queue holds. */
  | "overloaded"
  /** Another process has the database folder open, or somebody else moves the collection to another embedder. */
  | "database_locked"
  /** Postgres refused a statement; `sqlState` has its code. */
  | "database_error"
  /** The collection was made with other settings (embedder, dimensions, distance, storage or language). */
  | "collection_mismatch"
  /** No such collection. */
  | "collection_not_found"
  /** The object was closed. */
  | "closed";

export interface PgVectorDBErrorOptions {
  /** Whether the same call may succeed when made again. Default `false`. */
  readonly retryable?: boolean | undefined;
  /** The error underneath. */
  readonly cause?: unknown;
  /** The SQLSTATE that Postgres gave. */
  readonly sqlState?: string | undefined;
}

/**
 * The one error class of this library. Documents, queries, vectors, keys and connection strings never enter a message.
 *
 * @example
 * ```ts
 * try {
 *   await reranker.rerank("query", documents);
 * } catch (error) {
 *   if (error instanceof PgVectorDBError && error.code === "timeout") showUnranked();
 *   else throw error;
 * }
 * ```
 */
export class PgVectorDBError extends Error {
  override readonly name = "PgVectorDBError";
  readonly code: PgVectorDBErrorCode;
  readonly retryable: boolean;
  readonly sqlState?: string;

  constructor(code: PgVectorDBErrorCode, message: string, options: PgVectorDBErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? false;
    if (options.sqlState !== undefined) this.sqlState = options.sqlState;
  }
}
