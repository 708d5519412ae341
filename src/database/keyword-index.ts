import sql from "sql-template-tag";
import type { Database } from "../contracts/database.ts";
import { quotedName } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { createKeywordIndex, tableOf } from "./document-table.ts";
import { ifAllowed } from "./ensure-index.ts";
import { lockForMigration } from "./migration-lock.ts";
import { termsColumn } from "./terms-column.ts";

/** Makes the keyword engine's index where it is not there yet. One that is there is left alone, and nobody waits for a lock. */
export async function ensureKeywordIndex(database: Database, target: SearchTarget): Promise<void> {
  const state = await readState(database, target);
  if (state.hasIndex) return;
  const isFullText = target.keywordEngine === "full_text";
  const make = () =>
    database.transaction(async (transaction) => {
      await lockForMigration(transaction, target.table);
      // A collection that was made where Postgres had the other engine.
      if (isFullText && !state.hasTerms) {
        await transaction.query(sql`ALTER TABLE ${tableOf(target)} ADD COLUMN IF NOT EXISTS ${termsColumn(target)}`);
      }
      await transaction.query(createKeywordIndex(target));
    });
  // Of the two engines full-text search finds the same without its index.
  await (isFullText && state.hasTerms ? ifAllowed(make) : make());
}

async function readState(database: Database, target: SearchTarget): Promise<{ hasIndex: boolean; hasTerms: boolean }> {
  const [state] = await database.query<{ hasIndex: boolean; hasTerms: boolean }>(
    sql`SELECT to_regclass(${quotedName(target.schema, target.keywordIndex)}) IS NOT NULL AS "hasIndex",
      EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(${quotedName(target.schema, target.table)}) AND attname = ${target.termsColumn} AND NOT attisdropped) AS "hasTerms"`,
  );
  return state ?? { hasIndex: false, hasTerms: false };
}
