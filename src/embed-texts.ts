import { checkNotNegative } from "./check-options.ts";
import type { VectorStorage } from "./contracts/collection.ts";
import type { Embedder, Vector } from "./contracts/embedder.ts";
import { PgVectorDBError } from "./errors.ts";

/** pgvector's `vector` holds no more. */
export const MAX_DIMENSIONS = 16_000;
const MAX_FLOAT16 = 65_504;

/** Embeds documents and checks the answer. @throws PgVectorDBError `invalid_response` */
export async function embedDocuments(
  embedder: Embedder,
  texts: readonly string[],
  signal: AbortSignal | undefined,
  storage: VectorStorage = "float32",
): Promise<readonly Vector[]> {
  if (texts.length === 0) return [];
  const vectors: unknown = await embedder.embedDocuments(texts, { signal });
  if (!Array.isArray(vectors) || vectors.length !== texts.length) {
    const count = Array.isArray(vectors) ? `${vectors.length} vectors` : `a ${typeof vectors}`;
    throw invalidResponse(embedder, `gave ${count} for ${texts.length} texts`);
  }
  return vectors.map((vector: unknown, position) =>
    checkVector(
      vector,
      embedder.dimensions,
      (problem) => invalidResponse(embedder, `gave a vector for text ${position} that ${problem}`),
      storage,
    ),
  );
}

/** Embeds a query and checks the answer. @throws PgVectorDBError `invalid_response` */
export async function embedQuery(embedder: Embedder, query: string, signal: AbortSignal | undefined): Promise<Vector> {
  const vector: unknown = await embedder.embedQuery(query, { signal });
  return checkVector(vector, embedder.dimensions, (problem) =>
    invalidResponse(embedder, `gave a vector for the query that ${problem}`),
  );
}

/** @param fail makes the error from what is wrong: "must have 256 numbers, not 3" */
export function checkVector(
  vector: unknown,
  dimensions: number,
  fail: (problem: string) => PgVectorDBError,
  storage: VectorStorage = "float32",
): Vector {
  if (!Array.isArray(vector) && !(vector instanceof Float32Array)) {
    throw fail("must be an array of numbers or a Float32Array");
  }
  if (vector.length !== dimensions) throw fail(`must have ${dimensions} numbers, not ${vector.length}`);
  for (let index = 0; index < vector.length; index++) {
    const value: unknown = vector[index];
    // A number beyond the range of float32 becomes infinite when it is stored.
    if (typeof value !== "number" || !Number.isFinite(Math.fround(value))) {
      throw fail(`must hold finite 32-bit numbers only; number ${index} is not`);
    }
    if (storage === "float16" && Math.abs(value) > MAX_FLOAT16) {
      throw fail(
        `must hold numbers of at most ${MAX_FLOAT16}, as \`storage: "float16"\` can; number ${index} is larger`,
      );
    }
  }
  return vector as Vector;
}

/** @throws PgVectorDBError `invalid_argument` for what is not an embedder */
export function checkEmbedder(embedder: unknown): asserts embedder is Embedder {
  const { id, dimensions, hybridWeight, embedDocuments, embedQuery } = (embedder ?? {}) as Partial<
    Record<keyof Embedder, unknown>
  >;
  if (typeof id !== "string" || id.trim() === "" || id.includes("\0")) {
    throw new PgVectorDBError("invalid_argument", "`embedder.id` must name the model and its version.");
  }
  if (!Number.isSafeInteger(dimensions) || (dimensions as number) < 1 || (dimensions as number) > MAX_DIMENSIONS) {
    throw new PgVectorDBError(
      "invalid_argument",
      `\`embedder.dimensions\` must be an integer from 1 to ${MAX_DIMENSIONS}.`,
    );
  }
  checkNotNegative("embedder.hybridWeight", hybridWeight);
  if (typeof embedDocuments !== "function" || typeof embedQuery !== "function") {
    throw new PgVectorDBError(
      "invalid_argument",
      "`embedder` must have the methods `embedDocuments` and `embedQuery`.",
    );
  }
}

function invalidResponse(embedder: Embedder, what: string): PgVectorDBError {
  return new PgVectorDBError("invalid_response", `The embedder "${embedder.id}" ${what}.`);
}
