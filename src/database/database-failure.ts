import { PgVectorDBError, type PgVectorDBErrorCode } from "../errors.ts";

/** What is told about a statement that Postgres refused. Plain data: it crosses the thread. */
export interface DatabaseFailure {
  readonly sqlState?: string;
  readonly message: string;
  /** Default `database_error`. */
  readonly code?: PgVectorDBErrorCode;
}

/**
 * SQLSTATE classes whose messages speak of names, limits and the server's state. Messages of other classes may quote
 * values, which are documents, queries and vectors.
 */
const CLASSES_WITHOUT_VALUES = new Set(["08", "0A", "25", "3D", "40", "42", "53", "54", "55", "57", "58"]);

/** Conditions that the same statement may not meet again: connection, serialisation, deadlock, resources, shutdown. */
const RETRYABLE_CLASSES = new Set(["08", "40", "53", "57"]);
/** And a lock that another session held for too long. */
const LOCK_NOT_AVAILABLE = "55P03";

/** What to do about the failures that people meet. */
const ADVICE: Readonly<Record<string, string>> = {
  "3D000": "Make the database first: createdb.",
  "42501": "Connect as a role that may do this, or let one that may do it once.",
  "53100": "The server's disk is full: make room, then try again.",
  "53300": "The server takes no more connections: raise `max_connections`, or use fewer pools or a pooler.",
  "55P03": "Another session holds a lock for longer than `lock_timeout`.",
  "57014": "A time limit of the server (`statement_timeout`) or an operator ended it.",
};

/** Reads what may be told from an error of Postgres, which carries the statement's values in its fields and its message. */
export function describeFailure(error: unknown): DatabaseFailure {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (!isSqlState(code)) return { message: "The embedded database failed outside Postgres." };
  if (code.startsWith("28")) {
    return { code: "unauthorized", sqlState: code, message: `Postgres refused the credentials (SQLSTATE ${code}).` };
  }
  const detail = CLASSES_WITHOUT_VALUES.has(code.slice(0, 2)) && typeof message === "string" ? `: ${message}` : "";
  const advice = ADVICE[code] === undefined ? "" : ` ${ADVICE[code]}`;
  return { sqlState: code, message: `Postgres refused a statement (SQLSTATE ${code})${detail}.${advice}` };
}

/** `connection_exception`: what a lost connection is called here, whatever the operating system called it. */
const CONNECTION_FAILURE = "08006";

/** The same for an error of `pg`, which may also be one of the network, of TLS or of the pool. */
export function describeServerFailure(error: unknown): DatabaseFailure {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  // A system call's error code, such as EPIPE, can have the shape of a SQLSTATE.
  if (isSqlState(code) && !(error instanceof Error && "syscall" in error)) return describeFailure(error);
  const text = typeof message === "string" ? message : "";
  if (text.includes("timeout exceeded when trying to connect")) {
    return {
      code: "overloaded",
      message:
        "No connection of the pool became free within its `connectionTimeoutMillis`. Try again later, or pass a `pool` " +
        "with a higher `max`.",
    };
  }
  if (text.includes("after calling end on the pool")) {
    return { code: "closed", message: "The `pool` was ended. Open the database again with a new one." };
  }
  if (text.includes("SASL") || text.includes("password")) {
    return { code: "unauthorized", message: "The server asks for a password that `url` or `pool` does not give." };
  }
  const reason = typeof code === "string" ? ` (${code})` : "";
  if (isOfConnecting(error)) {
    return {
      sqlState: CONNECTION_FAILURE,
      message:
        `The Postgres server cannot be reached${reason}. Check its address, and that it runs and takes connections from ` +
        "here, then try again.",
    };
  }
  return {
    sqlState: CONNECTION_FAILURE,
    message:
      `The connection to the Postgres server failed or was lost${reason}. What was acknowledged is stored; a statement ` +
      "under way may or may not be. Check that the server runs and can be reached, then try again.",
  };
}

/** Whether no connection came about. A host with several addresses gives an error that holds one of each. */
function isOfConnecting(error: unknown): boolean {
  const { syscall } = ((error as { errors?: unknown[] } | null)?.errors?.[0] ?? error ?? {}) as { syscall?: unknown };
  return syscall === "connect" || syscall === "getaddrinfo";
}

export function toDatabaseError({ message, sqlState, code = "database_error" }: DatabaseFailure): PgVectorDBError {
  const mayPass =
    sqlState !== undefined && (RETRYABLE_CLASSES.has(sqlState.slice(0, 2)) || sqlState === LOCK_NOT_AVAILABLE);
  return new PgVectorDBError(code, message, { sqlState, retryable: mayPass || code === "overloaded" });
}

/** Whether nothing more can be said over the connection that this happened on. */
export function isConnectionLost({ sqlState }: DatabaseFailure): boolean {
  // Shutdown, crash, "cannot connect now", and a session that the server ended for idling in a transaction.
  return sqlState === undefined || sqlState.startsWith("08") || /^(57P0[1-5]|25P0[34])$/.test(sqlState);
}

export function closedError(): PgVectorDBError {
  return new PgVectorDBError("closed", "The database was closed. Open it again with `PgVectorDB.open`.");
}

function isSqlState(code: unknown): code is string {
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code);
}
