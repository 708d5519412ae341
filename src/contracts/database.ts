/** SQL text with `$1`, `$2`, … and their values. A `sql` template of `sql-template-tag` is one. */
export interface Statement {
  readonly text: string;
  /** A `Uint8Array` is sent as it is, in Postgres' binary format of the parameter's type. */
  readonly values: readonly unknown[];
}

export interface QueryOptions {
  /** Checked before the statement starts; a statement that runs is not interrupted. */
  readonly signal?: AbortSignal | undefined;
}

export interface Queryable {
  /** Runs one statement. Rejects with `database_error`, never with the statement's values. */
  query<Row extends object>(statement: Statement, options?: QueryOptions): Promise<Row[]>;
}

/** A Postgres, embedded or not. */
export interface Database extends Queryable {
  /** Runs `work` in one transaction: all of its statements, or none when it rejects. `work` uses only what it is given. */
  transaction<T>(work: (transaction: Queryable) => Promise<T>, options?: QueryOptions): Promise<T>;
  /** Waits for the statements under way, then lets go. Safe to call twice. */
  close(): Promise<void>;
}
