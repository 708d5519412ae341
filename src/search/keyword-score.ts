import sql, { type Sql } from "sql-template-tag";
import { fullTextRank, weighedFullTextRank } from "./full-text-arm.ts";
import { quotedName } from "./identifier.ts";
import type { SearchTarget } from "./search-target.ts";

/** How well a row's content matches the query's terms, over the columns of the table: higher is better, 0 without any. */
export function keywordScore(target: SearchTarget, query: string): Sql {
  if (target.keywordEngine === "bm25") {
    return sql`0 - (content <@> to_bm25query(${query}, ${quotedName(target.schema, target.keywordIndex)}))`;
  }
  // Citus does not take a subquery over a function to its nodes.
  return sql`coalesce(${target.isDistributed ? fullTextRank(target, query) : weighedFullTextRank(target, query)}, 0)`;
}
