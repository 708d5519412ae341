import type { VectorStorage } from "../contracts/collection.ts";
import type { OpenDatabase } from "../contracts/database.ts";
import type { IndexBuildOptions } from "../contracts/indexes.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { buildIndex } from "./build-index.ts";
import { countDocuments } from "./document-table.ts";
import { vectorIndex } from "./index-definition.ts";

export interface VectorIndexBuild extends Pick<IndexBuildOptions, "concurrently" | "onProgress"> {
  readonly m: number;
  readonly efConstruction: number;
}

/** pgvector's limits for an HNSW index on `vector` and on `halfvec`. */
export function maxIndexedDimensions(storage: VectorStorage | undefined): number {
  return storage === "float16" ? 4000 : 2000;
}

const MIN_MEMORY_MB = 64;
/** The embedded database shares the process's memory. */
const MAX_EMBEDDED_MEMORY_MB = 512;
const MAX_SERVER_MEMORY_MB = 2048;
/** Links and headers of one element at `m` = 16, next to its vector. */
const BYTES_PER_ELEMENT = 500;

/** Builds the HNSW index with the memory it needs: once the graph does not fit, building is many times slower. */
export async function buildVectorIndex(
  database: OpenDatabase,
  target: SearchTarget,
  build: VectorIndexBuild,
  signal: AbortSignal,
): Promise<void> {
  const [row] = await database.query<{ count: number }>(countDocuments(target, undefined), { signal });
  const bytesPerNumber = target.storage === "float16" ? 2 : 4;
  const bytes = (row?.count ?? 0) * (bytesPerNumber * target.dimensions + (BYTES_PER_ELEMENT * build.m) / 16);
  const most = database.capabilities.embedded ? MAX_EMBEDDED_MEMORY_MB : MAX_SERVER_MEMORY_MB;
  const memoryMb = Math.min(most, Math.max(MIN_MEMORY_MB, Math.ceil((1.2 * bytes) / 1e6)));
  const { concurrently, onProgress } = build;
  await buildIndex(
    database,
    target,
    { definition: vectorIndex(target, build), memoryMb, concurrently, onProgress },
    signal,
  );
}
