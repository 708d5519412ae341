import { PgVectorDBError } from "./errors.ts";

/** Refuses what is not a plain options object and every option that nobody reads. @throws PgVectorDBError `invalid_argument` */
export function checkOptionNames(options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw invalidArgument("`options` must be an object.");
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalidArgument(`Unknown option \`${name}\`. Known: ${known.join(", ")}.`);
  }
}

/** @throws PgVectorDBError `invalid_argument` that names the option */
export function checkInteger(name: string, value: unknown, { min, max }: { min: number; max: number }): void {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max))
    return;
  const bound = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw invalidArgument(`\`${name}\` must be an integer ${bound}.`);
}

/** @throws PgVectorDBError `invalid_argument` that names the option */
export function checkNotNegative(name: string, value: unknown): asserts value is number | undefined {
  if (value !== undefined && !(Number.isFinite(value) && (value as number) >= 0)) {
    throw invalidArgument(`\`${name}\` must be a number of at least 0.`);
  }
}

/** @throws PgVectorDBError `invalid_argument` that names the option */
export function checkCallback(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") throw invalidArgument(`\`${name}\` must be a function.`);
}

/**
 * Text that Postgres can store: lone surrogates become U+FFFD, as Postgres would make them.
 *
 * @throws PgVectorDBError `invalid_argument` for what is not text, is blank, or holds a NUL character
 */
export function checkText(name: string, value: unknown): string {
  if (typeof value !== "string") throw invalidArgument(`\`${name}\` must be a string.`);
  if (value.trim() === "") throw invalidArgument(`\`${name}\` must not be blank.`);
  return checkStorable(name, value);
}

/** @throws PgVectorDBError `invalid_argument` for a NUL character, which Postgres cannot store */
export function checkStorable(name: string, value: string): string {
  if (value.includes("\0")) {
    throw invalidArgument(
      `\`${name}\` contains a NUL character, which Postgres cannot store. Remove it: text.replaceAll("\\0", "").`,
    );
  }
  return value.toWellFormed();
}

export function invalidArgument(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
