import { raw, type Sql } from "sql-template-tag";
import type { SearchTarget } from "./search-target.ts";

/**
 * Whether no table expression that keyword scores come from may be materialised. pg_textsearch gives the scores that its index
 * found only to a scan in the main plan; for one within a materialised table expression it computes each score anew, which
 * takes a hundred times longer (`tp_planner_hook` in its src/planner/hooks.c).
 */
export function needsMainPlan({ keywordEngine }: SearchTarget): boolean {
  return keywordEngine === "bm25";
}

/** How a table expression is made, as it stands behind its `AS`. */
export function materialized(isInMainPlan: boolean): Sql {
  return isInMainPlan ? raw("NOT MATERIALIZED") : raw("MATERIALIZED");
}
