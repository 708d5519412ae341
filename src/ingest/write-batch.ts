import type { CollectionContext } from "../collection-context.ts";
import type { Queryable } from "../contracts/database.ts";
import { lockDocuments, updateMetadata, upsertDocuments } from "../database/document-table.ts";
import { againOnConflict } from "./again-on-conflict.ts";
import type { PreparedBatch } from "./prepare-batch.ts";
import { fillTextSpaces, writeSpaces } from "./text-spaces.ts";

/** Writes a batch, all of it or nothing; again when it met another writer of the same rows. */
export async function writeBatch(context: CollectionContext, batch: PreparedBatch, signal: AbortSignal): Promise<void> {
  await againOnConflict(() => writeOnce(context, batch, signal));
}

async function writeOnce(
  context: CollectionContext,
  { upserts, metadataUpdates, spaces }: PreparedBatch,
  signal: AbortSignal,
): Promise<void> {
  const { database, target } = context;
  // Each statement takes the locks of its rows in one order; two of them need to have them all before.
  const isMixed = upserts.length > 0 && metadataUpdates.length > 0 && !target.isDistributed;
  const statements = [
    ...(isMixed ? [lockDocuments(target, [...upserts, ...metadataUpdates])] : []),
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
