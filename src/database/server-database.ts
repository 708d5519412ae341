import type { Database, Queryable, QueryOptions, Session, Statement } from "../contracts/database.ts";
import { throwIfAborted } from "../deadline.ts";
import { PgVectorDBError } from "../errors.ts";
import { quotedName, textLiteral } from "../search/identifier.ts";
import { closedError, describeServerFailure, isConnectionLost, toDatabaseError } from "./database-failure.ts";
import { ROW_VALUES } from "./row-values.ts";

/** The part of a `pg` Pool that is used. A `Pool` made by the caller is one. */
export interface PoolLike {
  readonly options?: { readonly max?: number | undefined } | undefined;
  connect(): Promise<PoolClientLike>;
}

export interface PoolClientLike {
  query(config: { text: string; values: unknown[]; types: typeof ROW_VALUES }): Promise<{ rows: object[] }>;
  /** @param destroy closes the connection instead of keeping it */
  release(destroy?: boolean): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
}

/** One connection of the pool while it is ours. */
interface Lease {
  readonly client: PoolClientLike;
  isBroken: boolean;
}

/** What a `pg` Pool has by itself. */
const USUAL_CONNECTIONS = 10;

/** A Postgres server: one connection per statement or transaction, given back as soon as that is over. */
export class ServerDatabase implements Database {
  readonly #pool: PoolLike;
  readonly #endPool: () => Promise<void>;
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  get connections(): number {
    return this.#pool.options?.max ?? USUAL_CONNECTIONS;
  }

  /** @param endPool lets go of the pool; does nothing when it is the caller's */
  constructor(pool: PoolLike, endPool: () => Promise<void>) {
    this.#pool = pool;
    this.#endPool = endPool;
  }

  async query<Row extends object>(statement: Statement, options: QueryOptions = {}): Promise<Row[]> {
    const { settings, signal } = options;
    if (settings !== undefined) return this.#queryWith<Row>(settings, statement, { signal });
    return this.#withConnection(options, (lease) => this.#run<Row>(lease, statement, options));
  }

  async transaction<T>(work: (transaction: Queryable) => Promise<T>, options: QueryOptions = {}): Promise<T> {
    return this.#withConnection(options, async (lease) => {
      await this.#run(lease, BEGIN);
      try {
        const result = await work({
          query: (statement, inner) => this.#run(lease, statement, { signal: inner?.signal ?? options.signal }),
        });
        throwIfAborted(options.signal);
        // Without the signal: a commit that was begun is not interrupted, its outcome would be unknown.
        await this.#run(lease, COMMIT);
        return result;
      } catch (error) {
        // A connection that cannot even do this is closed, and the server rolls back by itself.
        if (!lease.isBroken) await this.#run(lease, ROLLBACK).catch(() => markBroken(lease));
        throw error;
      }
    });
  }

  async session<T>(work: (session: Session) => Promise<T>, options: QueryOptions = {}): Promise<T> {
    return this.#withConnection(options, (lease) =>
      work({
        query: (statement, inner = options) => this.#run(lease, statement, inner),
        isDirect: async () => {
          const [row] = await this.#run<{ pid: number }>(lease, BACKEND, options);
          const { processID } = lease.client as { processID?: unknown };
          return typeof processID !== "number" || processID === row?.pid;
        },
      }),
    );
  }

  /** `SET LOCAL` ends with its transaction. Citus passes it on to the nodes when it was told to, and to nobody by default. */
  #queryWith<Row extends object>(
    settings: Readonly<Record<string, string>>,
    statement: Statement,
    options: QueryOptions,
  ): Promise<Row[]> {
    const local = Object.entries({ "citus.propagate_set_commands": "local", ...settings }).map(
      ([name, value]) => `SET LOCAL ${quotedSetting(name)} = ${textLiteral(value).text}`,
    );
    return this.transaction(async (transaction) => {
      await transaction.query({ text: local.join("; "), values: [] });
      return transaction.query<Row>(statement);
    }, options);
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#underWay).then(() => this.#endPool());
    return this.#closing;
  }

  #withConnection<T>({ signal }: QueryOptions, work: (lease: Lease) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    const running = this.#lease(signal, work);
    this.#underWay.add(running);
    const done = () => this.#underWay.delete(running);
    running.then(done, done);
    return running;
  }

  async #lease<T>(signal: AbortSignal | undefined, work: (lease: Lease) => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    const client = await hideValues(() => this.#pool.connect());
    const lease: Lease = { client, isBroken: false };
    // Without a listener the loss of a connection would end the process; the statement under way tells about it.
    const onError = () => markBroken(lease);
    client.on("error", onError);
    try {
      return await work(lease);
    } finally {
      client.removeListener("error", onError);
      client.release(lease.isBroken);
    }
  }

  async #run<Row extends object>(lease: Lease, statement: Statement, { signal }: QueryOptions = {}): Promise<Row[]> {
    throwIfAborted(signal);
    let isOver = false;
    let cancelling: Promise<void> | undefined;
    const onAbort = () => {
      this.#withCancellingConnection(
        () => !isOver,
        (canceller) => {
          cancelling = cancel(canceller, lease.client, statement);
          return cancelling;
        },
      ).catch(() => {
        // The caller was told already that the call is aborted; the statement ends when it ends.
      });
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const { rows } = await send(lease.client, statement);
      return rows as Row[];
    } catch (error) {
      const failure = describeServerFailure(error);
      if (isConnectionLost(failure)) markBroken(lease);
      throwIfAborted(signal);
      throw toDatabaseError(failure);
    } finally {
      isOver = true;
      signal?.removeEventListener("abort", onAbort);
      // A cancellation on its way must not meet the next statement of this connection.
      await cancelling?.catch(() => {});
    }
  }

  /** A second connection, if one comes while it is still of use. */
  async #withCancellingConnection(
    isOfUse: () => boolean,
    work: (client: PoolClientLike) => Promise<void>,
  ): Promise<void> {
    const client = await this.#pool.connect();
    const ignore = () => {};
    client.on("error", ignore);
    try {
      if (isOfUse()) await work(client);
    } finally {
      client.removeListener("error", ignore);
      client.release();
    }
  }
}

/** Long enough to know a statement by, and shorter than what the server keeps of it. */
const KNOWN_LENGTH = 500;

/** Behind a pooler a process id may belong to somebody else: only a backend that runs this very statement is cancelled. */
async function cancel(canceller: PoolClientLike, running: PoolClientLike, { text }: Statement): Promise<void> {
  const { processID } = running as { processID?: unknown };
  if (typeof processID !== "number") return;
  await send(canceller, {
    text: `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
      WHERE pid = $1 AND state = 'active' AND left(query, ${KNOWN_LENGTH}) = left($2, ${KNOWN_LENGTH})`,
    values: [processID, text],
  });
}

function quotedSetting(name: string): string {
  return name
    .split(".")
    .map((part) => quotedName(part))
    .join(".");
}

function send(client: PoolClientLike, { text, values }: Statement): Promise<{ rows: object[] }> {
  return client.query({ text, values: [...values], types: ROW_VALUES });
}

function markBroken(lease: Lease): void {
  lease.isBroken = true;
}

async function hideValues<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof PgVectorDBError ? error : toDatabaseError(describeServerFailure(error));
  }
}

/** A pooler tells its clients another number than its server's. */
const BACKEND: Statement = { text: "SELECT pg_backend_pid() AS pid", values: [] };
/** Who waited for a lock has to see what came before: not so at the levels that a server or a role may have as their default. */
const BEGIN: Statement = { text: "BEGIN ISOLATION LEVEL READ COMMITTED", values: [] };
const COMMIT: Statement = { text: "COMMIT", values: [] };
const ROLLBACK: Statement = { text: "ROLLBACK", values: [] };
