import pg from "pg";
import type { PgVectorDB } from "../../src/pgvectordb.ts";
import { newTestDatabase } from "../test-database.ts";

/** A new test database, and a session on it that is not the library's. */
export interface OtherSession {
  readonly url: string;
  readonly other: pg.Client;
  /** Ends the session first, which frees whoever waits for it, then closes `opened` and removes the database. */
  close(opened?: PgVectorDB): Promise<void>;
}

export async function openOtherSession(): Promise<OtherSession> {
  const { url, remove } = await newTestDatabase();
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  return {
    url,
    other,
    close: async (opened) => {
      await other.end();
      await opened?.close();
      await remove();
    },
  };
}

/** Asks until it is so. A failure is the test's time-out. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition()));
}

/** How many sessions of the client's database wait for a lock. */
export async function waitingForLocks(client: pg.Client): Promise<number> {
  const { rows } = await client.query(
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  );
  return rows.length;
}

/** The table of a collection's documents, with its schema. */
export async function documentsTable(client: pg.Client, collection: string): Promise<string> {
  const { rows } = await client.query<{ table: string }>(
    "SELECT 'pgvectordb.documents_' || id AS table FROM pgvectordb.collections WHERE name = $1",
    [collection],
  );
  return rows[0]?.table ?? "";
}
