import sql, { join, type Sql } from "sql-template-tag";
import { PgVectorDBError } from "../errors.ts";

const MAX_PATH_LENGTH = 16;
const MAX_CONDITIONS = 100;
const MAX_LIST_LENGTH = 10_000;

const COMPARISONS: Readonly<Record<string, Sql>> = {
  $gt: sql`>`,
  $gte: sql`>=`,
  $lt: sql`<`,
  $lte: sql`<=`,
};
const OPERATORS = ["$in", ...Object.keys(COMPARISONS)];

type Scalar = string | number | boolean | null;

/**
 * SQL for `where` over the column `metadata`; `undefined` when it asks for nothing. Every key and value is bound.
 *
 * @throws PgVectorDBError `invalid_argument` for an unknown operator, a value that cannot be compared, or too deep a path
 */
export function compileWhere(where: unknown): Sql | undefined {
  if (where === undefined) return undefined;
  if (!isPlainObject(where)) throw invalid("`where` must be an object of metadata fields and conditions.");
  const conditions = Object.entries(where).flatMap(([field, condition]) =>
    condition === undefined ? [] : compileField(field, condition),
  );
  if (conditions.length > MAX_CONDITIONS) throw invalid(`\`where\` has more than ${MAX_CONDITIONS} conditions.`);
  return conditions.length === 0 ? undefined : join(conditions, " AND ");
}

function compileField(field: string, condition: unknown): Sql[] {
  if (field.startsWith("$")) {
    throw invalid(`\`where\` has the unknown operator \`${printable(field)}\` where a metadata field should be.`);
  }
  const path = pathOf(field);
  if (!isPlainObject(condition)) return [equals(path, scalarOf(field, condition))];
  const operators = Object.entries(condition).filter(([, operand]) => operand !== undefined);
  const fieldName = operators.find(([name]) => !name.startsWith("$"));
  if (fieldName !== undefined || operators.length === 0) {
    throw invalid(
      `\`where\`: the condition on \`${printable(field)}\` must be a value or an object of operators ` +
        `(${OPERATORS.join(", ")}). Reach a nested field by dots: { "outer.inner": value }.`,
    );
  }
  return operators.map(([operator, operand]) => compileOperator(field, path, operator, operand));
}

function compileOperator(field: string, path: readonly string[], operator: string, operand: unknown): Sql {
  if (operator === "$in") return isIn(field, path, operand);
  const comparison = Object.hasOwn(COMPARISONS, operator) ? COMPARISONS[operator] : undefined;
  if (comparison === undefined) {
    throw invalid(`\`where\` has the unknown operator \`${printable(operator)}\`. Known: ${OPERATORS.join(", ")}.`);
  }
  const value = scalarOf(field, operand);
  if (typeof value !== "number" && typeof value !== "string") {
    throw invalid(`\`where\`: \`${operator}\` on \`${printable(field)}\` needs a number, a string or a Date.`);
  }
  // Postgres orders jsonb by type first, so the type is asked for; a cast would fail on a row of another type.
  const at = fieldAt(path);
  return sql`(jsonb_typeof(${at}) = ${typeof value} AND ${at} ${comparison} ${JSON.stringify(value)}::jsonb)`;
}

function isIn(field: string, path: readonly string[], operand: unknown): Sql {
  if (!Array.isArray(operand) || operand.length > MAX_LIST_LENGTH) {
    throw invalid(`\`where\`: \`$in\` on \`${printable(field)}\` needs an array of at most ${MAX_LIST_LENGTH} values.`);
  }
  if (operand.length === 0) return sql`false`;
  const values = operand.map((value: unknown) => scalarOf(field, value));
  const at = fieldAt(path);
  const given = values.filter((value) => value !== null);
  // Contained in the list, or an array with an element of it: one bound value, however long the list is.
  const list = JSON.stringify(given);
  const isElement = sql`(${list}::jsonb @> ${at} AND jsonb_typeof(${at}) NOT IN ('array', 'object'))`;
  const hasElement = sql`(jsonb_typeof(${at}) = 'array' AND EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(${at}) WHEN 'array' THEN ${at} END) AS element WHERE ${list}::jsonb @> element AND jsonb_typeof(element) NOT IN ('array', 'object')))`;
  const matches = sql`(${isElement} OR ${hasElement})`;
  return given.length === values.length ? matches : sql`(${matches} OR ${equals(path, null)})`;
}

/** A scalar equals itself and an array that contains it: jsonb containment says both. */
function equals(path: readonly string[], value: Scalar): Sql {
  const at = fieldAt(path);
  if (value === null) return sql`coalesce(${at} = 'null'::jsonb, true)`;
  return sql`${at} @> ${JSON.stringify(value)}::jsonb`;
}

function fieldAt(path: readonly string[]): Sql {
  return sql`(metadata #> ARRAY[${join(path)}]::text[])`;
}

function pathOf(field: string): string[] {
  const path = field.split(".").map((key) => checkText(field, key));
  if (path.some((key) => key === "")) throw invalid("`where` has a field with an empty name.");
  if (path.length > MAX_PATH_LENGTH) {
    throw invalid(`\`where\`: a path may have at most ${MAX_PATH_LENGTH} names; this one has ${path.length}.`);
  }
  return path;
}

function scalarOf(field: string, value: unknown): Scalar {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return checkText(field, value);
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  throw invalid(
    `\`where\`: the condition on \`${printable(field)}\` must be a string, a finite number, a boolean, a Date or null.`,
  );
}

function checkText(field: string, text: string): string {
  if (text.includes("\0"))
    throw invalid(`\`where\`: the condition on \`${printable(field)}\` contains a NUL character.`);
  return text.toWellFormed();
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** A field's name in a message: short, and without characters that could disturb a terminal. */
function printable(name: string): string {
  const shown = name.toWellFormed().replace(/[^\x20-\x7e]/g, "?");
  return shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
