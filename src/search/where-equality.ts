import sql, { type Sql } from "sql-template-tag";
import { arrayText } from "./array-text.ts";
import { fieldAt } from "./field-expression.ts";
import { invalidWhere, printable, type Scalar, scalarOf } from "./where-value.ts";

const MAX_LIST_LENGTH = 10_000;
/** Every value of a list asks an index by itself; a list that is longer is looked up row by row instead. */
const MAX_INDEXED_LIST = 100;

/** `$eq` and `$in`; the others are their negations. */
export function compileEquality(field: string, path: readonly string[], operator: string, operand: unknown): Sql {
  if (operator === "$eq" || operator === "$ne") return equals(path, scalarOf(field, operand));
  return isIn(field, path, operator, operand);
}

/** A scalar equals itself and an array that contains it. */
export function equals(path: readonly string[], value: Scalar): Sql {
  if (value === null) return sql`coalesce(${fieldAt(path)} @> 'null'::jsonb, true)`;
  // Containment in the field says both at once; containment in the whole says it in two, and a GIN index can serve it.
  if (hasPosition(path)) return sql`${fieldAt(path)} @> ${JSON.stringify(value)}::jsonb`;
  return sql`(metadata @> ${documentWith(path, value)}::jsonb OR metadata @> ${documentWith(path, [value])}::jsonb)`;
}

/** `EXISTS` is false for a missing field, as it is for every other condition. */
export function exists(field: string, path: readonly string[], operand: unknown): Sql {
  if (typeof operand !== "boolean") {
    throw invalidWhere(`: \`$exists\` on \`${printable(field)}\` needs true or false.`);
  }
  return operand ? sql`${fieldAt(path)} IS NOT NULL` : sql`${fieldAt(path)} IS NULL`;
}

function isIn(field: string, path: readonly string[], operator: string, operand: unknown): Sql {
  if (!Array.isArray(operand) || operand.length > MAX_LIST_LENGTH) {
    throw invalidWhere(
      `: \`${operator}\` on \`${printable(field)}\` needs an array of at most ${MAX_LIST_LENGTH} values.`,
    );
  }
  if (operand.length === 0) return sql`false`;
  const values = operand.map((value: unknown) => scalarOf(field, value));
  const given = values.filter((value) => value !== null);
  const matches =
    given.length <= MAX_INDEXED_LIST && !hasPosition(path) ? containsAny(path, given) : isElement(path, given);
  return given.length === values.length ? matches : sql`(${matches} OR ${equals(path, null)})`;
}

/** One bound array, which a GIN index is asked for value by value. */
function containsAny(path: readonly string[], values: readonly Scalar[]): Sql {
  const documents = values.flatMap((value) => [documentWith(path, value), documentWith(path, [value])]);
  return sql`metadata @> ANY(${arrayText(documents)}::text[]::jsonb[])`;
}

/** Contained in the list, or an array with an element of it: one bound value, however long the list is. */
function isElement(path: readonly string[], values: readonly Scalar[]): Sql {
  const at = fieldAt(path);
  const list = JSON.stringify(values);
  const element = sql`(${list}::jsonb @> ${at} AND jsonb_typeof(${at}) NOT IN ('array', 'object'))`;
  const hasElement = sql`(jsonb_typeof(${at}) = 'array' AND EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(${at}) WHEN 'array' THEN ${at} END) AS element WHERE ${list}::jsonb @> element AND jsonb_typeof(element) NOT IN ('array', 'object')))`;
  return sql`(${element} OR ${hasElement})`;
}

function documentWith(path: readonly string[], value: unknown): string {
  return JSON.stringify(path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value));
}

/** A name that `#>` reads as a position where it meets an array; containment knows no positions. */
function hasPosition(path: readonly string[]): boolean {
  return path.some((name) => /^\s*[+-]?\d+$/.test(name));
}
