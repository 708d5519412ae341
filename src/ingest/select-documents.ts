import type { Sql } from "sql-template-tag";
import { checkOptionNames, invalidArgument } from "../check-options.ts";
import { hasId } from "../database/document-table.ts";
import { compileWhere } from "../search/compile-where.ts";
import { isPlainObject } from "../search/where-value.ts";
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
  const { where } = selection as { where?: unknown };
  const filter = compileWhere(where);
  if (filter === undefined || hasNothing(where)) {
    throw invalidArgument(
      "`where` must have at least one condition, and none that is undefined or empty: it would select more than was meant. " +
        "To remove every document call `deleteAll()`.",
    );
  }
  return filter;
}

/** A condition that went missing, such as `{ brand: undefined }` or `{ $or: [{}] }`, holds for everything. */
function hasNothing(where: unknown, isNegated = false): boolean {
  if (where === undefined) return true;
  if (Array.isArray(where)) return where.length === 0 || where.some((part) => hasNothing(part, isNegated));
  if (!isPlainObject(where)) return false;
  const conditions = Object.entries(where);
  return (
    conditions.length === 0 ||
    conditions.some(([name, condition]) => {
      // An empty list of values is a condition like another: it holds for nothing, and its negation for everything.
      if (name === "$in" && !isNegated) return condition === undefined;
      return hasNothing(condition, isNegated || name === "$not");
    })
  );
}

/** @throws PgVectorDBError `invalid_argument` */
export function checkIds(ids: unknown): string[] {
  if (!Array.isArray(ids)) return [checkId("id", ids)];
  return ids.map((id: unknown, position) => checkId(`ids[${position}]`, id));
}
