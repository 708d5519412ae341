import sql, { type Sql } from "sql-template-tag";
import { fieldExpression } from "./field-expression.ts";
import { checkFilterText, invalidWhere, printable } from "./where-value.ts";

/** `$like` and `$ilike`: false where the field is missing or no string. */
export function compilePattern(field: string, path: readonly string[], operator: string, operand: unknown): Sql {
  if (typeof operand !== "string") {
    throw invalidWhere(`: \`${operator}\` on \`${printable(field)}\` needs a string with a pattern.`);
  }
  const pattern = checkFilterText(field, operand);
  // Postgres refuses such a pattern while it runs, and only when a row gets that far.
  if (/(?<!\\)(\\\\)*\\$/.test(pattern)) {
    throw invalidWhere(
      `: the pattern on \`${printable(field)}\` ends in a backslash that escapes nothing. Write two for one.`,
    );
  }
  const comparison = operator === "$like" ? sql`LIKE` : sql`ILIKE`;
  return sql`${fieldExpression(path, "string")} ${comparison} ${pattern}`;
}
