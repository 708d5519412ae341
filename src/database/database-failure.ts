import { PgVectorDBError } from "../errors.ts";

/** What is told about a statement that Postgres refused. Plain data: it crosses the thread. */
export interface DatabaseFailure {
  readonly sqlState?: string;
  readonly message: string;
}

/**
 * SQLSTATE classes whose messages speak of names, limits and the server's state. Messages of other classes may quote
 * values, which are documents, queries and vectors.
 */
const CLASSES_WITHOUT_VALUES = new Set(["08", "25", "40", "42", "53", "54", "55", "57", "58"]);

/** Conditions that the same statement may not meet again: serialisation, deadlock, resources, shutdown. */
const RETRYABLE_CLASSES = new Set(["08", "40", "53", "57"]);

/** Reads what may be told from an error of PGlite, which carries the statement's values in its fields and its message. */
export function describeFailure(error: unknown): DatabaseFailure {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code)) {
    return { message: "The embedded database failed outside Postgres." };
  }
  const detail = CLASSES_WITHOUT_VALUES.has(code.slice(0, 2)) && typeof message === "string" ? `: ${message}` : "";
  return { sqlState: code, message: `Postgres refused a statement (SQLSTATE ${code})${detail}.` };
}

export function toDatabaseError({ message, sqlState }: DatabaseFailure): PgVectorDBError {
  const retryable = sqlState !== undefined && RETRYABLE_CLASSES.has(sqlState.slice(0, 2));
  return new PgVectorDBError("database_error", message, { sqlState, retryable });
}

export function closedError(): PgVectorDBError {
  return new PgVectorDBError("closed", "The database was closed. Open it again with `PgVectorDB.open`.");
}
