import type { CollectionContext } from "../collection-context.ts";
import type { Queryable } from "../contracts/database.ts";
import { updateMetadata, upsertDocuments } from "../database/document-table.ts";
import type { PreparedBatch } from "./prepare-batch.ts";

/** Writes a batch, all of it or nothing. */
export async function writeBatch(
  { database, target }: CollectionContext,
  { upserts, metadataUpdates }: PreparedBatch,
  signal: AbortSignal,
): Promise<void> {
  const write = async (queryable: Queryable) => {
    if (upserts.length > 0) await queryable.query(upsertDocuments(target, upserts), { signal });
    if (metadataUpdates.length > 0) await queryable.query(updateMetadata(target, metadataUpdates), { signal });
  };
  // One statement is a transaction by itself.
  if (upserts.length > 0 && metadataUpdates.length > 0) await database.transaction(write, { signal });
  else await write(database);
}
