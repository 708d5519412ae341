import type { Sql } from "sql-template-tag";
import { checkOptionNames, invalidArgument } from "../check-options.ts";
import { changeMetadata } from "../database/document-table.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { normalizeMetadata } from "./normalize-metadata.ts";

/** @throws PgVectorDBError `invalid_argument` */
export function changeMetadataStatement(target: SearchTarget, condition: Sql, change: unknown): Sql {
  if (typeof change !== "object" || change === null) throw neither();
  checkOptionNames(change, ["merge", "replace"]);
  const { merge, replace } = change as { merge?: unknown; replace?: unknown };
  if ((merge === undefined) === (replace === undefined)) throw neither();
  return merge === undefined
    ? changeMetadata(target, condition, normalizeMetadata("replace", replace), "replace")
    : changeMetadata(target, condition, normalizeMetadata("merge", merge), "merge");
}

function neither() {
  return invalidArgument("`change` must be either `{ merge }` or `{ replace }`.");
}
