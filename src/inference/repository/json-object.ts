export type JsonObject = Readonly<Record<string, unknown>>;

/** A value of JSON that is an object, `undefined` for any other. */
export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
