import type { Sql } from "sql-template-tag";
import { checkOptionNames, invalidArgument } from "../check-options.ts";
import { hasId } from "../database/document-table.ts";
import { compileWhere } from "../search/compile-where.ts";
import { checkId } from "./normalize-document.ts";

/**
 * SQL for what is to be deleted or changed.
 *
 * @throws PgVectorDBError `invalid_argument`, also for a filter without a condition
 */
export function compileSelection(selection: unknown): Sql {
  if (typeof selection === "string" || Array.isArray(selection)) return hasId(checkIds(selection));
  if (typeof selection !== "object" || selection === null) {
    throw invalidArgument("Select documents by an id, an array of ids, or `{ where }`.");
  }
  checkOptionNames(selection, ["where"]);
  const filter = compileWhere((selection as { where?: unknown }).where);
  if (filter === undefined) {
    throw invalidArgument(
      "`where` must have at least one condition; a filter without one would select every document. " +
        "To remove all of them call `deleteAll()`.",
    );
  }
  return filter;
}

/** @throws PgVectorDBError `invalid_argument` */
export function checkIds(ids: unknown): string[] {
  if (!Array.isArray(ids)) return [checkId("id", ids)];
  return ids.map((id: unknown, position) => checkId(`ids[${position}]`, id));
}
