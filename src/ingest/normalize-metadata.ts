import { checkStorable, invalidArgument } from "../check-options.ts";

const MAX_DEPTH = 32;

/**
 * Metadata as JSON text that Postgres stores. Dates become ISO strings, `undefined` fields are
 * left out, lone surrogates become U+FFFD; what JSON would silently change is refused.
 *
 * @param name how messages call it: `documents[3].metadata`
 * @throws PgVectorDBError `invalid_argument`
 */
export function normalizeMetadata(name: string, metadata: unknown): string {
  if (metadata === undefined) return "{}";
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata) || metadata instanceof Date) {
    throw invalidArgument(`\`${name}\` must be an object.`);
  }
  return JSON.stringify(normalize(name, metadata, 0));
}

function normalize(name: string, value: unknown, depth: number): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return checkStorable(name, value);
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw invalidArgument(`\`${name}\` contains a number that is not finite; JSON has none.`);
  }
  if (typeof value !== "object") throw invalidArgument(`\`${name}\` contains a ${typeof value}; JSON has none.`);
  if (depth >= MAX_DEPTH) {
    throw invalidArgument(`\`${name}\` is nested deeper than ${MAX_DEPTH} levels, or contains itself.`);
  }
  if (hasToJson(value)) return normalize(name, value.toJSON(), depth + 1);
  if (Array.isArray(value)) {
    return value.map((element) => (element === undefined ? null : normalize(name, element, depth + 1)));
  }
  // Entries, and an object without a prototype, so that a key called "__proto__" is a key like any other.
  const fields = Object.create(null) as Record<string, unknown>;
  for (const [key, field] of Object.entries(value)) {
    if (field !== undefined) fields[checkStorable(name, key)] = normalize(name, field, depth + 1);
  }
  return fields;
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return "toJSON" in value && typeof value.toJSON === "function";
}
