import { checkCallback, checkInteger, checkOptionNames } from "../check-options.ts";
import { type CollectionContext, createContext } from "../collection-context.ts";
import type { ReembedOptions } from "../contracts/collection.ts";
import type { Database, OpenDatabase } from "../contracts/database.ts";
import type { Embedder } from "../contracts/embedder.ts";
import type { CollectionRecord } from "../database/catalog.ts";
import type { ReembedLease } from "../database/reembed-lease.ts";
import {
  beginReembed,
  countPending,
  followVectorIndex,
  nextTargetOf,
  type ReembedRow,
  selectPending,
  switchEmbedding,
  vacuum,
  writeNextEmbeddings,
} from "../database/reembed-table.ts";
import { raceWithSignal } from "../deadline.ts";
import { embedDocuments } from "../embed-texts.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { DEFAULT_BATCH_SIZE, MAX_BATCH_SIZE } from "./add-documents.ts";

/** @throws PgVectorDBError `invalid_argument` */
export function checkReembedOptions(options: ReembedOptions): void {
  checkOptionNames(options, ["batchSize", "onProgress", "signal", "timeoutMs"]);
  checkInteger("batchSize", options.batchSize, { min: 1, max: MAX_BATCH_SIZE });
  checkCallback("onProgress", options.onProgress);
}

/** Embeds every document with the new embedder beside the old vectors, then switches in one transaction. */
export async function reembed(
  database: OpenDatabase,
  name: string,
  embedder: Embedder,
  options: ReembedOptions,
  signal: AbortSignal,
): Promise<CollectionContext> {
  const { record, lease } = await beginReembed(database, name, embedder, { signal });
  if (lease === undefined) return createContext(database, record, embedder);
  try {
    return await move(database, { record, lease }, embedder, options, signal);
  } finally {
    await lease.release();
  }
}

async function move(
  database: OpenDatabase,
  { record, lease }: { readonly record: CollectionRecord; readonly lease: ReembedLease },
  embedder: Embedder,
  options: ReembedOptions,
  signal: AbortSignal,
): Promise<CollectionContext> {
  if (record.nextEmbedder === null) return createContext(database, record, embedder);
  const next = nextTargetOf(record, embedder.dimensions, database.capabilities);
  for (;;) {
    await embedPending(database, { next, lease }, embedder, options, signal);
    await followVectorIndex(database, record, next, signal);
    const moved = await switchEmbedding(database, record, { next, lease }, { signal });
    if (moved !== undefined) {
      await vacuum(database, next);
      return createContext(database, moved, embedder);
    }
    // Documents were added or changed meanwhile: they are pending now.
  }
}

async function embedPending(
  database: Database,
  { next, lease }: { readonly next: SearchTarget; readonly lease: ReembedLease },
  embedder: Embedder,
  { batchSize = DEFAULT_BATCH_SIZE, onProgress }: ReembedOptions,
  signal: AbortSignal,
): Promise<void> {
  const [count] = await database.query<{ total: number; pending: number }>(countPending(next), { signal });
  const { total, pending } = count ?? { total: 0, pending: 0 };
  let documents = total - pending;
  let lastId = "";
  for (;;) {
    const rows = await database.query<ReembedRow>(selectPending(next, lastId, batchSize), { signal });
    const last = rows.at(-1);
    if (last === undefined) return;
    const texts = rows.map((row) => row.content);
    // An embedder that does not listen to the signal must not keep the lease.
    const vectors = await raceWithSignal(embedDocuments(embedder, texts, signal, next.storage), signal);
    const write = writeNextEmbeddings(next, rows, vectors);
    await database.transaction(
      async (transaction) => {
        await lease.hold(transaction);
        await transaction.query(write);
      },
      { signal },
    );
    lastId = last.id;
    documents += rows.length;
    onProgress?.({ documents, total: Math.max(total, documents) });
  }
}
