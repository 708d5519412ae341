import { PgVectorDBError } from "../errors.ts";

export type Scalar = string | number | boolean | null;

const MAX_PATH_LENGTH = 16;

/** The names of `outer.inner`. @throws PgVectorDBError `invalid_argument` */
export function pathOf(field: string): string[] {
  const path = field.split(".").map((key) => checkFilterText(field, key));
  if (path.some((key) => key === "")) throw invalidWhere(" has a field with an empty name.");
  if (path.length > MAX_PATH_LENGTH) {
    throw invalidWhere(`: a path may have at most ${MAX_PATH_LENGTH} names; this one has ${path.length}.`);
  }
  return path;
}

/** A value that JSON has. A date is its ISO string, as it is stored. @throws PgVectorDBError `invalid_argument` */
export function scalarOf(field: string, value: unknown): Scalar {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return checkFilterText(field, value);
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (isDate(value)) return value.toISOString();
  throw invalidWhere(
    `: the condition on \`${printable(field)}\` must be a string, a finite number, a boolean, a Date or null.`,
  );
}

/** @throws PgVectorDBError `invalid_argument` for a NUL character, which jsonb does not have */
export function checkFilterText(field: string, text: string): string {
  if (text.includes("\0")) throw invalidWhere(`: the condition on \`${printable(field)}\` contains a NUL character.`);
  return text.toWellFormed();
}

export function isDate(value: unknown): value is Date {
  return value instanceof Date && !Number.isNaN(value.getTime());
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  // A Map or a Set has no fields: taken for a filter it would ask for nothing, and match everything.
  return !(Array.isArray(value) || value instanceof Date || value instanceof Map || value instanceof Set);
}

/** A field's name in a message: short, and without characters that could disturb a terminal. */
export function printable(name: string): string {
  const shown = name.toWellFormed().replace(/[^\x20-\x7e]/g, "?");
  return shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
}

/** @param problem goes on after "`where`": " has …" or ": …" */
export function invalidWhere(problem: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", `\`where\`${problem}`);
}
