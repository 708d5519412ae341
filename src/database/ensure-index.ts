import sql, { type Sql } from "sql-template-tag";
import type { Database } from "../contracts/database.ts";
import { identifier, quotedName } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { tableOf } from "./document-table.ts";
import { lockForMigration } from "./migration-lock.ts";

/**
 * Makes an index on a collection's table where it is not there yet; one that is there is left alone, and nobody waits for a
 * lock.
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
  await database.transaction(async (transaction) => {
    await lockForMigration(transaction, target.table);
    await transaction.query(sql`CREATE INDEX IF NOT EXISTS ${identifier(name)} ON ${tableOf(target)} ${definition}`);
  });
}
