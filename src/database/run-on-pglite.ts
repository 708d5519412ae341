import type { Statement } from "../contracts/database.ts";

/** What is used of a PGlite or of its transaction. */
export interface PGliteQueryable {
  query<Row>(
    text: string,
    parameters?: unknown[],
    options?: { serializers?: Record<number, (value: never) => string> },
  ): Promise<{ rows: Row[] }>;
}

const BINARY_TYPES = { bytea: 17, byteaArray: 1001, textArray: 1009, float4Array: 1021 };

/** PGlite binds bytes in the binary format when the type's serialiser hands them through. */
const PASS_BYTES_THROUGH = Object.fromEntries(
  Object.values(BINARY_TYPES).map((oid) => [oid, (value: never): string => value]),
);

/** Runs one statement; `Uint8Array` values are sent as they are. */
export async function runOnPGlite<Row>(pglite: PGliteQueryable, { text, values }: Statement): Promise<Row[]> {
  const hasBytes = values.some((value) => value instanceof Uint8Array);
  const options = hasBytes ? { serializers: PASS_BYTES_THROUGH } : undefined;
  const { rows } = await pglite.query<Row>(text, [...values], options);
  return rows;
}
