import sql from "sql-template-tag";
import type { Queryable } from "../contracts/database.ts";

/**
 * Until the transaction ends, whoever else locks `name` waits. What is made "if not exists" can fail when two make it at once,
 * and for this session exists what those before it have made.
 */
export async function lockForMigration(transaction: Queryable, name = "schema"): Promise<void> {
  await transaction.query(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`pgvectordb ${name}`}, 0))`);
  // Postgres hears of what others changed when it locks a table, not when it gets an advisory lock: until then "if not
  // exists" goes by what the session remembers (`AcceptInvalidationMessages` in src/backend/storage/lmgr/lmgr.c).
  await transaction.query(sql`SELECT FROM pg_catalog.pg_namespace LIMIT 0`);
}
