import sql from "sql-template-tag";
import type { Queryable } from "../contracts/database.ts";

/** Until the transaction ends, whoever else locks `name` waits. What is made "if not exists" can fail when two make it at once. */
export async function lockForMigration(transaction: Queryable, name = "schema"): Promise<void> {
  await transaction.query(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`pgvectordb ${name}`}, 0))`);
}
