import sql, { type Sql } from "sql-template-tag";
import { identifier, quotedName, textLiteral } from "./identifier.ts";
import type { SearchTarget } from "./search-target.ts";

/** How well a row's content matches the query's terms, over the columns of the table: higher is better, 0 without any. */
export function keywordScore(target: SearchTarget, query: string): Sql {
  if (target.keywordEngine === "bm25") {
    return sql`0 - (content <@> to_bm25query(${query}, ${quotedName(target.schema, target.keywordIndex)}))`;
  }
  const anyTerm = sql`pgvectordb.any_term(${textLiteral(target.language)}::regconfig, ${query})`;
  return sql`coalesce(ts_rank_cd(${identifier(target.termsColumn)}, ${anyTerm}), 0)`;
}
