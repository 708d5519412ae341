import type { CollectionContext } from "../collection-context.ts";
import type { Queryable } from "../contracts/database.ts";
import { updateMetadata, upsertDocuments } from "../database/document-table.ts";
import { PgVectorDBError } from "../errors.ts";
import { fillTextSpaces, writeSpaces } from "./text-spaces.ts";
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
  context: CollectionContext,
  { upserts, metadataUpdates, spaces }: PreparedBatch,
  signal: AbortSignal,
): Promise<void> {
  const { database, target } = context;
  const statements = [
    ...(upserts.length > 0 ? [upsertDocuments(target, upserts)] : []),
    ...(metadataUpdates.length > 0 ? [updateMetadata(target, metadataUpdates)] : []),
  ];
  const write = async (queryable: Queryable) => {
    for (const statement of statements) await queryable.query(statement, { signal });
    return writeSpaces(queryable, spaces, { signal });
  };
  // One statement is a transaction by itself.
  const isOne = statements.length + spaces.length <= 1;
  const lacking = await (isOne ? write(database) : database.transaction(write, { signal }));
  await fillTextSpaces(context, lacking, signal);
}
