import sql from "sql-template-tag";
import type { Database, OpenDatabase } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { ensureIndex } from "./ensure-index.ts";

/** @throws PgVectorDBError `missing_dependency` where Postgres has no pg_trgm */
export function requireTrigrams({ capabilities }: OpenDatabase): void {
  if (capabilities.trigram) return;
  throw new PgVectorDBError(
    "missing_dependency",
    "Fuzzy search needs the extension pg_trgm. It comes with PostgreSQL's contrib package: CREATE EXTENSION pg_trgm.",
  );
}

/** Makes the index with which the trigram arm finds words without reading every text. */
export async function ensureTrigramIndex(database: Database, target: SearchTarget): Promise<void> {
  await ensureIndex(database, target, `${target.table}_trigrams`, sql`USING gin (content gin_trgm_ops)`);
}
