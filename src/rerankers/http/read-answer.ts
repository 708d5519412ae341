import { PgVectorDBError } from "../../errors.ts";
import type { IndexedScore } from "../rank-scores.ts";

/** Reads the ranking out of an answer; range, duplicates and finiteness are checked where answers are merged. */
export function readRanking(service: string, entries: unknown, place: string, scoreField: string): IndexedScore[] {
  if (!Array.isArray(entries)) throw broken(service, `an answer without the array \`${place}\``);
  return entries.map((entry: unknown, position) => {
    const { index, [scoreField]: rawScore } = fieldsOf(entry);
    if (typeof index !== "number" || typeof rawScore !== "number") {
      throw broken(service, `\`${place}[${position}]\` without the numbers \`index\` and \`${scoreField}\``);
    }
    return { index, rawScore };
  });
}

/** The fields of an answer; none when it is not an object, so that what is missing is named by who needs it. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** A count in an answer, when there is one: a service that does not count is no error. */
export function readCount(value: unknown): number | undefined {
  const count = typeof value === "string" ? Number(value) : value;
  return typeof count === "number" && Number.isFinite(count) && count >= 0 ? count : undefined;
}

function broken(service: string, what: string): PgVectorDBError {
  return new PgVectorDBError("invalid_response", `${service} gave ${what}.`);
}
