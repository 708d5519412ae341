import { randomUUID } from "node:crypto";
import sql from "sql-template-tag";
import type { OpenDatabase, Queryable } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";

/** How long somebody who gives no sign of life is believed to be alive. */
const LEASE_SECONDS = 60;
const RENEW_MS = 15_000;

/** This process among all that may work on the database. */
const PROCESS = randomUUID();
/** Those under way in this process. */
const underWay = new Set<string>();

interface Holder {
  readonly owner: string | null;
  readonly isBelieved: boolean | null;
}

/**
 * The right to move a collection to another embedder. It is a row in the catalog, renewed while the work goes on, and not
 * an advisory lock: that would hold a connection all the while, and be lost behind a pooler. Whoever writes asks in the same
 * transaction whether the right is still theirs.
 */
export class ReembedLease {
  readonly #database: OpenDatabase;
  readonly #collection: number;
  readonly #owner: string;
  #renewing: NodeJS.Timeout | undefined;

  private constructor(database: OpenDatabase, collection: number, owner: string) {
    this.#database = database;
    this.#collection = collection;
    this.#owner = owner;
  }

  /**
   * Takes it as a part of `transaction`; nobody else can until that ends.
   *
   * @throws PgVectorDBError `database_locked` while somebody else has it
   */
  static async take(transaction: Queryable, database: OpenDatabase, collection: number): Promise<ReembedLease> {
    const [holder] = await transaction.query<Holder>(
      sql`SELECT reembed_owner AS owner, reembed_until > clock_timestamp() AS "isBelieved" FROM pgvectordb.collections WHERE id = ${collection} FOR UPDATE`,
    );
    if (isAlive(holder, database.capabilities.embedded)) throw beingMoved();
    const lease = new ReembedLease(database, collection, `${PROCESS} ${randomUUID()}`);
    await transaction.query(
      sql`UPDATE pgvectordb.collections SET reembed_owner = ${lease.#owner}, reembed_until = ${until()} WHERE id = ${collection}`,
    );
    return lease;
  }

  /** Called when what `take` was a part of is committed. An aborted move is over at once, whatever it waits for. */
  begin(signal: AbortSignal | undefined): void {
    underWay.add(this.#owner);
    signal?.addEventListener("abort", () => this.#end(), { once: true });
    // The embedded database belongs to this process alone, which knows who is at work.
    if (this.#database.capabilities.embedded) return;
    this.#renewing = setInterval(() => this.#renew(), RENEW_MS).unref();
  }

  /**
   * Nobody takes it over until `transaction` ends.
   *
   * @throws PgVectorDBError `database_locked` when somebody else has
   */
  async hold(transaction: Queryable): Promise<void> {
    const rows = await transaction.query(
      sql`SELECT id FROM pgvectordb.collections WHERE id = ${this.#collection} AND reembed_owner = ${this.#owner} FOR UPDATE`,
    );
    if (rows.length === 0) throw takenOver();
  }

  async release(): Promise<void> {
    this.#end();
    const statement = sql`UPDATE pgvectordb.collections SET reembed_owner = NULL, reembed_until = NULL WHERE id = ${this.#collection} AND reembed_owner = ${this.#owner}`;
    // Where the database is gone, it is given up by not being renewed; this process knows already that it is over.
    await this.#database.query(statement).catch(() => {});
  }

  #end(): void {
    clearInterval(this.#renewing);
    underWay.delete(this.#owner);
  }

  #renew(): void {
    const statement = sql`UPDATE pgvectordb.collections SET reembed_until = ${until()} WHERE id = ${this.#collection} AND reembed_owner = ${this.#owner}`;
    // What is wrong with the database is told by the work itself.
    this.#database.query(statement).catch(() => {});
  }
}

function isAlive(holder: Holder | undefined, isEmbedded: boolean): boolean {
  if (holder === undefined || holder.owner === null) return false;
  if (underWay.has(holder.owner)) return true;
  return !isEmbedded && !holder.owner.startsWith(PROCESS) && holder.isBelieved === true;
}

function until() {
  return sql`clock_timestamp() + make_interval(secs => ${LEASE_SECONDS}::int)`;
}

function beingMoved(): PgVectorDBError {
  return new PgVectorDBError(
    "database_locked",
    "The collection is being moved to another embedder by somebody else. Wait until that is done, or end it there; a " +
      `process that was killed is taken to be gone ${LEASE_SECONDS} seconds after its last sign of life.`,
    { retryable: true },
  );
}

function takenOver(): PgVectorDBError {
  return new PgVectorDBError(
    "database_locked",
    `Somebody else moves the collection now: this process was not heard of for ${LEASE_SECONDS} seconds. Leave it to the ` +
      "other, or call `reembed()` again when that is done.",
    { retryable: true },
  );
}
