import { types } from "node:util";
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
  // What is stored has to be one: a URL is an object, but its JSON is text, which a merge would make an array of.
  const normalized = typeof metadata === "object" ? normalize(name, metadata, 0) : metadata;
  if (typeof normalized !== "object" || normalized === null || Array.isArray(normalized)) {
    throw invalidArgument(`\`${name}\` must be an object.`);
  }
  return JSON.stringify(normalized);
}

function normalize(name: string, value: unknown, depth: number): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return checkStorable(name, value);
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw invalidArgument(`\`${name}\` contains a number that is not finite; JSON has none.`);
  }
  if (value === undefined) throw invalidArgument(`\`${name}\` contains an object whose \`toJSON()\` gives nothing.`);
  if (typeof value !== "object") throw invalidArgument(`\`${name}\` contains a ${typeof value}; JSON has none.`);
  if (depth >= MAX_DEPTH) {
    throw invalidArgument(`\`${name}\` is nested deeper than ${MAX_DEPTH} levels, or contains itself.`);
  }
  const loss = lossInJson(value);
  if (loss !== undefined) throw invalidArgument(`\`${name}\` contains ${loss}.`);
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

/** Objects that `JSON.stringify` writes without what they hold, mostly as `{}`. */
function lossInJson(value: object): string | undefined {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "a Date that is no date" : undefined;
  if (types.isMap(value)) return "a Map, of which JSON keeps nothing: use Object.fromEntries(map)";
  if (types.isSet(value)) return "a Set, of which JSON keeps nothing: use [...set]";
  const isLost = types.isRegExp(value) || types.isNativeError(value) || types.isPromise(value);
  if (isLost || types.isBoxedPrimitive(value) || types.isAnyArrayBuffer(value)) {
    return "an object of which JSON keeps nothing: put in the text or number that is meant";
  }
  // Not a Buffer, which has a `toJSON()`.
  if (types.isTypedArray(value) && !hasToJson(value))
    return "a typed array, which JSON has none of: use Array.from(array)";
  return undefined;
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return "toJSON" in value && typeof value.toJSON === "function";
}
