import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { Database, Queryable, QueryOptions, Statement } from "../contracts/database.ts";
import { throwIfAborted } from "../deadline.ts";
import { PgVectorDBError } from "../errors.ts";
import { closedError, toDatabaseError } from "./database-failure.ts";
import type { WorkerReply, WorkerRequest, WorkerSettings } from "./worker-messages.ts";

interface Pending {
  readonly resolve: (rows: readonly object[]) => void;
  readonly reject: (error: PgVectorDBError) => void;
}

type Question =
  | { readonly kind: "query"; readonly text: string; readonly values: readonly unknown[] }
  | { readonly kind: "close" };

/**
 * PGlite in a worker thread, so that a long statement does not hold the event loop. It has one connection: statements
 * and transactions take turns. The thread keeps the process alive only while a statement runs.
 */
export class WorkerDatabase implements Database {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #turn: Promise<void> = Promise.resolve();
  #gone: PgVectorDBError | undefined;
  #closing: Promise<void> | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", (reply: WorkerReply) => this.#settle(reply));
    worker.on("error", (error) => this.#fail("crashed", error));
    worker.on("exit", () => this.#fail("ended"));
  }

  /** @param dataDirectory folder of the Postgres cluster, made when absent; `undefined` keeps everything in memory */
  static async open(dataDirectory: string | undefined): Promise<WorkerDatabase> {
    const file = createRequire(import.meta.url).resolve("#workers/database");
    const settings: WorkerSettings = { dataDirectory };
    // The parent's flags may name loaders and inspectors that this thread has no use for.
    const worker = new Worker(file, { workerData: settings, execArgv: [] });
    const database = new WorkerDatabase(worker);
    try {
      await new Promise<readonly object[]>((resolve, reject) => database.#pending.set(0, { resolve, reject }));
    } catch (error) {
      await worker.terminate();
      throw error;
    }
    return database;
  }

  async query<Row extends object>(statement: Statement, options: QueryOptions = {}): Promise<Row[]> {
    return this.#takeTurn(() => this.#query<Row>(statement, options));
  }

  async transaction<T>(work: (transaction: Queryable) => Promise<T>, options: QueryOptions = {}): Promise<T> {
    return this.#takeTurn(async () => {
      await this.#query(BEGIN, options);
      try {
        const result = await work({
          query: (statement, inner) => this.#query(statement, { signal: inner?.signal ?? options.signal }),
        });
        await this.#query(COMMIT, options);
        return result;
      } catch (error) {
        // The connection is shared: left inside a failed transaction it would refuse everyone.
        await this.#query(ROLLBACK, {});
        throw error;
      }
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#takeTurn(async () => {
      if (this.#gone === undefined) await this.#ask({ kind: "close" });
    }).finally(async () => {
      this.#gone ??= closedError();
      await this.#worker.terminate();
    });
    return this.#closing;
  }

  async #query<Row extends object>({ text, values }: Statement, { signal }: QueryOptions): Promise<Row[]> {
    throwIfAborted(signal);
    const rows = await this.#ask({ kind: "query", text, values });
    return rows as Row[];
  }

  #takeTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    const result = this.#turn.then(work);
    this.#turn = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  #ask(question: Question): Promise<readonly object[]> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const request: WorkerRequest = { ...question, id: this.#nextId++ };
    return new Promise((resolve, reject) => {
      this.#worker.postMessage(request);
      this.#pending.set(request.id, { resolve, reject });
      this.#worker.ref();
    });
  }

  #settle(reply: WorkerReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ("rows" in reply) pending?.resolve(reply.rows);
    else pending?.reject(toDatabaseError(reply.failure));
  }

  #fail(what: string, cause?: unknown): void {
    // Before the first statement there are no values yet that the cause could tell.
    const known = this.#nextId === 1 && cause !== undefined ? { cause } : {};
    this.#gone ??= new PgVectorDBError(
      "database_error",
      `The embedded database's thread ${what}. What was acknowledged is stored; close the database and open it again.`,
      { retryable: true, ...known },
    );
    for (const { reject } of this.#pending.values()) reject(this.#gone);
    this.#pending.clear();
  }
}

const BEGIN: Statement = { text: "BEGIN", values: [] };
const COMMIT: Statement = { text: "COMMIT", values: [] };
const ROLLBACK: Statement = { text: "ROLLBACK", values: [] };
