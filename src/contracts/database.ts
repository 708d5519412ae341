/** SQL text with `$1`, `$2`, … and their values. A `sql` template of `sql-template-tag` is one. */
export interface Statement {
  readonly text: string;
  /** A `Uint8Array` is sent as it is, in Postgres' binary format of the parameter's type. */
  readonly values: readonly unknown[];
}

export interface QueryOptions {
  /**
   * Checked before the statement starts. One that runs is cancelled on a server; the embedded database, which has one
   * connection for everybody, does not interrupt it.
   */
  readonly signal?: AbortSignal | undefined;
  /** Postgres settings for this statement alone, which reach all nodes of a cluster. Read by `query` of a server. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

export interface Queryable {
  /** Runs one statement. Rejects with `database_error`, never with the statement's values. */
  query<Row extends object>(statement: Statement, options?: QueryOptions): Promise<Row[]>;
}

export interface Session extends Queryable {
  /** Whether one server process answers all of it. A pooler may give every statement to another: settings would stay behind. */
  isDirect(): Promise<boolean>;
}

/** A Postgres, embedded or not. */
export interface Database extends Queryable {
  /** How many statements it runs at once, at most. Absent where there is one connection for everybody. */
  readonly connections?: number | undefined;
  /** Runs `work` in one transaction: all of its statements, or none when it rejects. `work` uses only what it is given. */
  transaction<T>(work: (transaction: Queryable) => Promise<T>, options?: QueryOptions): Promise<T>;
  /**
   * Runs `work` on one connection outside of any transaction, for statements that run in none. Settings made there are to be
   * taken back there. Absent where there is one connection for everybody.
   */
  session?<T>(work: (session: Session) => Promise<T>, options?: QueryOptions): Promise<T>;
  /** Waits for the statements under way, then lets go. Safe to call twice. */
  close(): Promise<void>;
}

/** What a Postgres can do: found out once, when it is opened. */
export interface Capabilities {
  /** In this process: one connection, and no background process that keeps statistics. */
  readonly embedded: boolean;
  /** pg_textsearch: BM25. Without it keyword search is Postgres' full-text search. */
  readonly bm25: boolean;
  /** pg_trgm. */
  readonly trigram: boolean;
  /** pgvector 0.8 and newer: an index scan goes on until enough rows pass the filter. */
  readonly iterativeScan: boolean;
  /** Citus: tables can be spread over several machines. */
  readonly citus: boolean;
}

/** A database whose schema is up to date. */
export interface OpenDatabase extends Database {
  readonly capabilities: Capabilities;
}
