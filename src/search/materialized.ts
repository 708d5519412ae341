import { raw, type Sql } from "sql-template-tag";
import type { SearchTarget } from "./search-target.ts";

/**
 * How a table expression that keyword scores come from is made. pg_textsearch gives the scores that its index found only to a
 * scan in the main plan; for one within a materialised table expression it computes each score anew, which takes a hundred
 * times longer (`tp_planner_hook` in its src/planner/hooks.c).
 */
export function materialized({ keywordEngine }: SearchTarget): Sql {
  return keywordEngine === "bm25" ? raw("NOT MATERIALIZED") : raw("MATERIALIZED");
}
