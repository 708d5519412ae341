import type { Database, Queryable, QueryOptions, Statement } from "../contracts/database.ts";
import { throwIfAborted } from "../deadline.ts";
import { PgVectorDBError } from "../errors.ts";
import { closedError, describeFailure, toDatabaseError } from "./database-failure.ts";
import { type PGliteQueryable, runOnPGlite } from "./run-on-pglite.ts";

/** The part of a PGlite that is used. A `PGlite` made by the caller is one. */
export interface PGliteLike extends PGliteQueryable {
  transaction<T>(work: (transaction: PGliteQueryable) => Promise<T>): Promise<T>;
}

/** A database on the caller's own PGlite, which stays the caller's to close. */
export class GivenPGlite implements Database {
  readonly #pglite: PGliteLike;
  #closed = false;

  constructor(pglite: PGliteLike) {
    this.#pglite = pglite;
  }

  async query<Row extends object>(statement: Statement, options: QueryOptions = {}): Promise<Row[]> {
    return queryOn<Row>(this.#open(), statement, options);
  }

  async transaction<T>(work: (transaction: Queryable) => Promise<T>, options: QueryOptions = {}): Promise<T> {
    throwIfAborted(options.signal);
    return hideValues(() =>
      this.#open().transaction((transaction) =>
        work({ query: (statement, inner) => queryOn(transaction, statement, inner ?? options) }),
      ),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #open(): PGliteLike {
    if (this.#closed) throw closedError();
    return this.#pglite;
  }
}

function queryOn<Row extends object>(
  pglite: PGliteQueryable,
  statement: Statement,
  { signal }: QueryOptions,
): Promise<Row[]> {
  return hideValues(() => {
    throwIfAborted(signal);
    return runOnPGlite<Row>(pglite, statement);
  });
}

async function hideValues<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof PgVectorDBError ? error : toDatabaseError(describeFailure(error));
  }
}
