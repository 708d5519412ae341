import sql, { join, type Sql } from "sql-template-tag";
import { compileEquality, equals, exists } from "./where-equality.ts";
import { compilePattern } from "./where-pattern.ts";
import { compileRange } from "./where-range.ts";
import { invalidWhere, isPlainObject, pathOf, printable, scalarOf } from "./where-value.ts";

const MAX_DEPTH = 16;
const MAX_CONDITIONS = 100;

type CompileOperator = (field: string, path: readonly string[], operator: string, operand: unknown) => Sql;

const OPERATORS: Readonly<Record<string, CompileOperator>> = {
  $eq: compileEquality,
  $ne: (...condition) => not(compileEquality(...condition)),
  $in: compileEquality,
  $nin: (...condition) => not(compileEquality(...condition)),
  $lt: compileRange,
  $lte: compileRange,
  $gt: compileRange,
  $gte: compileRange,
  $between: compileRange,
  $like: compilePattern,
  $ilike: compilePattern,
  $exists: (field, path, _operator, operand) => exists(field, path, operand),
};
const KNOWN_OPERATORS = [...Object.keys(OPERATORS), "$not"].join(", ");
const COMBINATIONS = ["$and", "$or", "$not"];

/** How deep a filter is at a place, and how many conditions were met on the way there. */
interface Place {
  readonly depth: number;
  readonly met: { conditions: number };
}

/**
 * SQL for `where` over the column `metadata`; `undefined` when it asks for nothing. Every path and value is bound.
 *
 * @throws PgVectorDBError `invalid_argument` for an unknown operator, a value that cannot be compared, too deep a path or
 * filter, or too many conditions
 */
export function compileWhere(where: unknown): Sql | undefined {
  return where === undefined ? undefined : compileNode(where, { depth: 1, met: { conditions: 0 } });
}

function compileNode(where: unknown, place: Place): Sql | undefined {
  if (!isPlainObject(where)) throw invalidWhere(" must be an object of metadata fields and conditions.");
  checkDepth(place);
  const conditions = Object.entries(where).flatMap(([name, condition]) => {
    if (condition === undefined) return [];
    return name.startsWith("$") ? combine(name, condition, place) : compileField(name, condition, place);
  });
  return allOf(conditions);
}

function combine(name: string, operand: unknown, place: Place): Sql[] {
  const inside = { ...place, depth: place.depth + 1 };
  if (name === "$not") return [not(compileNode(operand, inside) ?? sql`true`)];
  if (name !== "$and" && name !== "$or") {
    throw invalidWhere(
      ` has the unknown operator \`${printable(name)}\` where a metadata field should be. Known there: ${COMBINATIONS.join(", ")}.`,
    );
  }
  if (!Array.isArray(operand) || operand.length === 0) {
    throw invalidWhere(`: \`${name}\` needs an array of filters, at least one.`);
  }
  const parts = operand.map((part: unknown) => compileNode(part, inside) ?? sql`true`);
  return [sql`(${join(parts, name === "$and" ? " AND " : " OR ")})`];
}

function compileField(field: string, condition: unknown, place: Place): Sql[] {
  checkDepth(place);
  const path = pathOf(field);
  if (!isPlainObject(condition)) {
    countCondition(place);
    return [equals(path, scalarOf(field, condition))];
  }
  const operators = Object.entries(condition).filter(([, operand]) => operand !== undefined);
  if (operators.length === 0 || operators.some(([name]) => !name.startsWith("$"))) {
    throw invalidWhere(
      `: the condition on \`${printable(field)}\` must be a value or an object of operators ` +
        `(${KNOWN_OPERATORS}). Reach a nested field by dots: { "outer.inner": value }.`,
    );
  }
  return operators.map(([operator, operand]) => compileOperator(field, path, operator, operand, place));
}

function compileOperator(
  field: string,
  path: readonly string[],
  operator: string,
  operand: unknown,
  place: Place,
): Sql {
  if (operator === "$not") {
    const inside = compileField(field, operand, { ...place, depth: place.depth + 1 });
    return not(allOf(inside) ?? sql`true`);
  }
  const compile = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
  if (compile === undefined) {
    throw invalidWhere(` has the unknown operator \`${printable(operator)}\`. Known: ${KNOWN_OPERATORS}.`);
  }
  countCondition(place);
  return compile(field, path, operator, operand);
}

/** True exactly where the condition is not: for a field that is missing too, where SQL's own `NOT` would say null. */
function not(condition: Sql): Sql {
  return sql`((${condition}) IS NOT TRUE)`;
}

function allOf(conditions: readonly Sql[]): Sql | undefined {
  return conditions.length === 0 ? undefined : sql`${join([...conditions], " AND ")}`;
}

function checkDepth({ depth }: Place): void {
  if (depth > MAX_DEPTH) throw invalidWhere(` is nested deeper than ${MAX_DEPTH} levels, or contains itself.`);
}

function countCondition({ met }: Place): void {
  met.conditions++;
  if (met.conditions > MAX_CONDITIONS) throw invalidWhere(` has more than ${MAX_CONDITIONS} conditions.`);
}
