import { PgVectorDBError } from "../errors.ts";

/** Ends the help of every command. */
export const EXIT_CODES_HELP = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some input was skipped, 130 interrupted.
Data goes to standard output; notes and progress go to standard error.
`;

/** An error of usage: exit code 2. */
export function wrongUsage(command: string, message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", `${message} (see pgvectordb ${command} --help)`);
}

/** @throws PgVectorDBError `invalid_argument` that names the option */
export function numberOption(command: string, name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() === "" || Number.isNaN(number)) throw wrongUsage(command, `--${name} must be a number`);
  return number;
}

/** @throws PgVectorDBError `invalid_argument` that names the option */
export function jsonOption(command: string, name: string, value: string | undefined): unknown {
  if (value === undefined) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    throw wrongUsage(command, `--${name} must be JSON, such as '{"price":{"$lt":200}}'`);
  }
}
