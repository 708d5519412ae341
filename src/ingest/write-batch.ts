import type { CollectionContext } from "../collection-context.ts";
import type { Queryable } from "../contracts/database.ts";
import { updateMetadata, upsertDocuments } from "../database/document-table.ts";
import { PgVectorDBError } from "../errors.ts";
import type { PreparedBatch } from "./prepare-batch.ts";

/** Serialisation failure and deadlock: the transaction had no effect, and the other one goes on. */
const CONFLICTS: readonly unknown[] = ["40001", "40P01"];
const MAX_ATTEMPTS = 5;

/** Writes a batch, all of it or nothing; again when it met another writer of the same rows. */
export async function writeBatch(context: CollectionContext, batch: PreparedBatch, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await writeOnce(context, batch, signal);
    } catch (error) {
      const isConflict = error instanceof PgVectorDBError && CONFLICTS.includes(error.sqlState);
      if (!isConflict || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

async function writeOnce(
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
