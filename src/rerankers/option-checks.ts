import { PgVectorDBError } from "../errors.ts";

/** @throws PgVectorDBError `invalid_argument` that names the option nobody knows */
export function checkOptionNames(owner: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new PgVectorDBError("invalid_argument", `\`options\` of ${owner} must be an object.`);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new PgVectorDBError(
        "invalid_argument",
        `Unknown option \`${name}\` of ${owner}. Known: ${known.join(", ")}.`,
      );
    }
  }
}

/** @throws PgVectorDBError `invalid_argument` */
export function checkInteger(name: string, value: unknown, least: number): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && (value as number) >= least)) {
    throw new PgVectorDBError("invalid_argument", `\`${name}\` must be an integer of at least ${least}.`);
  }
}

/** @throws PgVectorDBError `invalid_argument` */
export function checkType(name: string, value: unknown, type: "string" | "boolean" | "function"): void {
  if (value !== undefined && typeof value !== type) {
    throw new PgVectorDBError(
      "invalid_argument",
      `\`${name}\` must be a ${type}, not ${value === null ? "null" : typeof value}.`,
    );
  }
  if (type === "string" && typeof value === "string" && value.trim() === "") {
    throw new PgVectorDBError("invalid_argument", `\`${name}\` must not be blank; leave it out for the default.`);
  }
}
