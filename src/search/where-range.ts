import sql, { type Sql } from "sql-template-tag";
import { fieldExpression } from "./field-expression.ts";
import { invalidWhere, isDate, printable, scalarOf } from "./where-value.ts";

const COMPARISONS: Readonly<Record<string, Sql>> = {
  $lt: sql`<`,
  $lte: sql`<=`,
  $gt: sql`>`,
  $gte: sql`>=`,
};

/** `$lt`, `$lte`, `$gt`, `$gte` and `$between`: false where the field is missing or of another type. */
export function compileRange(field: string, path: readonly string[], operator: string, operand: unknown): Sql {
  if (operator === "$between") return between(field, path, operand);
  const bound = boundOf(field, operator, operand);
  return sql`${comparable(path, bound)} ${COMPARISONS[operator]} ${boundValue(bound)}`;
}

type Bound = string | number | Date;

function between(field: string, path: readonly string[], operand: unknown): Sql {
  if (!Array.isArray(operand) || operand.length !== 2) {
    throw invalidWhere(`: \`$between\` on \`${printable(field)}\` needs an array of two values, the lower one first.`);
  }
  const [low, high] = operand.map((value: unknown) => boundOf(field, "$between", value)) as [Bound, Bound];
  if (isDate(low) !== isDate(high) || typeof low !== typeof high) {
    throw invalidWhere(`: \`$between\` on \`${printable(field)}\` needs two values of the same type.`);
  }
  return sql`${comparable(path, low)} BETWEEN ${boundValue(low)} AND ${boundValue(high)}`;
}

function boundOf(field: string, operator: string, operand: unknown): Bound {
  const value = isDate(operand) ? operand : scalarOf(field, operand);
  if (typeof value === "number" || typeof value === "string" || isDate(value)) return value;
  throw invalidWhere(`: \`${operator}\` on \`${printable(field)}\` needs a number, a string or a Date.`);
}

function comparable(path: readonly string[], bound: Bound): Sql {
  if (isDate(bound)) return fieldExpression(path, "date");
  if (typeof bound === "number") return fieldExpression(path, "number");
  // By code points: the same order in every database, whatever its locale.
  return sql`${fieldExpression(path, "string")} COLLATE "C"`;
}

function boundValue(bound: Bound): Sql {
  if (isDate(bound)) return sql`${String(bound.getTime())}::float8`;
  return typeof bound === "number" ? sql`${String(bound)}::numeric` : sql`${bound}::text`;
}
