import sql from "sql-template-tag";
import type { VectorStorage } from "../contracts/collection.ts";
import type { Database } from "../contracts/database.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { countDocuments, createVectorIndex } from "./document-table.ts";

export interface VectorIndexBuild {
  readonly m: number;
  readonly efConstruction: number;
}

/** pgvector's limits for an HNSW index on `vector` and on `halfvec`. */
export function maxIndexedDimensions(storage: VectorStorage | undefined): number {
  return storage === "float16" ? 4000 : 2000;
}

const MIN_MEMORY_MB = 64;
/** The embedded database shares the process's memory. */
const MAX_MEMORY_MB = 512;
/** Links and headers of one element at `m` = 16, next to its vector. */
const BYTES_PER_ELEMENT = 500;

/** Builds the HNSW index with the memory it needs: once the graph does not fit, building is many times slower. */
export async function buildVectorIndex(
  database: Database,
  target: SearchTarget,
  build: VectorIndexBuild,
  signal: AbortSignal,
): Promise<void> {
  await database.transaction(
    async (transaction) => {
      const [row] = await transaction.query<{ count: number }>(countDocuments(target, undefined));
      const bytes =
        (row?.count ?? 0) *
        ((target.storage === "float16" ? 2 : 4) * target.dimensions + (BYTES_PER_ELEMENT * build.m) / 16);
      const megabytes = Math.min(MAX_MEMORY_MB, Math.max(MIN_MEMORY_MB, Math.ceil((1.2 * bytes) / 1e6)));
      await transaction.query(sql`SELECT set_config('maintenance_work_mem', ${`${megabytes}MB`}, true)`);
      await transaction.query(createVectorIndex(target, build));
    },
    { signal },
  );
}
