import type { Sql } from "sql-template-tag";
import { checkOptionNames, invalidArgument } from "../check-options.ts";
import type { CollectionContext } from "../collection-context.ts";
import type { Queryable } from "../contracts/database.ts";
import { changedMetadata, changeMetadata } from "../database/document-table.ts";
import { againOnConflict } from "./again-on-conflict.ts";
import { normalizeMetadata } from "./normalize-metadata.ts";
import { compareChangedTexts, embedSpaceTexts, fillTextSpaces, writeSpaces } from "./text-spaces.ts";

/** The metadata after a change, as SQL. @throws PgVectorDBError `invalid_argument` */
export function compileChange(change: unknown): Sql {
  if (typeof change !== "object" || change === null) throw neither();
  checkOptionNames(change, ["merge", "replace"]);
  const { merge, replace } = change as { merge?: unknown; replace?: unknown };
  if ((merge === undefined) === (replace === undefined)) throw neither();
  return merge === undefined
    ? changedMetadata(normalizeMetadata("replace", replace), "replace")
    : changedMetadata(normalizeMetadata("merge", merge), "merge");
}

/**
 * Changes the metadata of the documents that match. Text spaces over metadata are embedded first, and change with them.
 *
 * @param changed what `compileChange` gives
 * @returns how many there were
 */
export async function updateDocuments(
  context: CollectionContext,
  condition: Sql,
  changed: Sql,
  signal: AbortSignal,
): Promise<number> {
  const { database, target, textSpaces } = context;
  const statement = changeMetadata(target, condition, changed);
  if (textSpaces.length === 0) return (await againOnConflict(() => database.query(statement, { signal }))).length;
  const compared = await compareChangedTexts(context, condition, changed, signal);
  const embedded = await embedSpaceTexts(compared, signal);
  const change = async (transaction: Queryable) => {
    const rows = await transaction.query<{ id: string }>(statement);
    const written = rows.map(({ id }) => id);
    const spaces = embedded.map((one) => ({ ...one, others: written }));
    await writeSpaces(transaction, spaces, {});
    return written;
  };
  const ids = await againOnConflict(() => database.transaction(change, { signal }));
  await fillTextSpaces(context, ids, signal);
  return ids.length;
}

function neither() {
  return invalidArgument("`change` must be either `{ merge }` or `{ replace }`.");
}
