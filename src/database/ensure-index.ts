import sql, { type Sql } from "sql-template-tag";
import type { Database } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";
import { identifier, quotedName } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { tableOf } from "./document-table.ts";
import { lockForMigration } from "./migration-lock.ts";

/** Insufficient privilege; and a read-only transaction, as all of a replica's are. */
const REFUSED: readonly unknown[] = ["42501", "25006"];

/**
 * Makes an index on a collection's table where it is not there yet; one that is there is left alone, and nobody waits for a
 * lock. Who may only read does without: what is found is the same.
 *
 * @param definition what follows the table in `CREATE INDEX`
 */
export async function ensureIndex(
  database: Database,
  target: SearchTarget,
  name: string,
  definition: Sql,
): Promise<void> {
  const [state] = await database.query<{ exists: boolean }>(
    sql`SELECT to_regclass(${quotedName(target.schema, name)}) IS NOT NULL AS exists`,
  );
  if (state?.exists) return;
  await ifAllowed(() =>
    database.transaction(async (transaction) => {
      await lockForMigration(transaction, target.table);
      await transaction.query(sql`CREATE INDEX IF NOT EXISTS ${identifier(name)} ON ${tableOf(target)} ${definition}`);
    }),
  );
}

/** Does `work`; goes on without it where this connection may not write. */
export async function ifAllowed(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof PgVectorDBError && REFUSED.includes(error.sqlState))) throw error;
  }
}
