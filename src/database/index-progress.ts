import { setTimeout } from "node:timers/promises";
import sql from "sql-template-tag";
import type { OpenDatabase } from "../contracts/database.ts";
import type { IndexBuildOptions, IndexProgress } from "../contracts/indexes.ts";
import { quotedName } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";

const INTERVAL_MS = 500;

/** Runs `build`, and meanwhile tells what Postgres says of it. A database with one connection cannot be asked meanwhile. */
export async function watchIndexBuild(
  database: OpenDatabase,
  target: SearchTarget,
  onProgress: IndexBuildOptions["onProgress"],
  build: () => Promise<void>,
): Promise<void> {
  if (onProgress === undefined || database.session === undefined) return build();
  const over = new AbortController();
  const watching = watch(database, target, onProgress, over.signal);
  try {
    await build();
  } finally {
    over.abort();
    await watching;
  }
}

async function watch(
  database: OpenDatabase,
  target: SearchTarget,
  onProgress: NonNullable<IndexBuildOptions["onProgress"]>,
  over: AbortSignal,
): Promise<void> {
  const statement = sql`SELECT phase, CASE WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END AS done, CASE WHEN blocks_total > 0 THEN blocks_total ELSE tuples_total END AS total FROM pg_stat_progress_create_index WHERE relid = to_regclass(${quotedName(target.schema, target.table)})`;
  while (!over.aborted) {
    // Progress is told as long as it can be: what the build itself meets is what counts.
    const rows = await database.query<IndexProgress>(statement).catch(() => []);
    if (over.aborted) return;
    for (const progress of rows) onProgress(progress);
    await setTimeout(INTERVAL_MS, undefined, { signal: over }).catch(() => {});
  }
}
