import sql, { type Sql } from "sql-template-tag";
import { checkInteger, checkOptionNames } from "../check-options.ts";
import type { CollectionContext } from "../collection-context.ts";
import type { ReadDocumentsOptions } from "../contracts/writing.ts";
import { selectPage } from "../database/document-table.ts";
import { checkSignal } from "../deadline.ts";
import { compileWhere } from "../search/compile-where.ts";
import { DEFAULT_BATCH_SIZE, MAX_BATCH_SIZE } from "./add-documents.ts";

export const DOCUMENT_FIELDS = sql`id, content, metadata`;
export const ID_FIELD = sql`id`;
/** `ReadDocumentsOptions` of any collection: what `where` may ask is checked when it is compiled. */
export type ReadRowsOptions = Omit<ReadDocumentsOptions<object>, "where"> & { readonly where?: unknown };

const OPTION_NAMES = ["where", "batchSize", "signal"];

/**
 * Rows in the order of their ids, page by page: memory does not grow with the collection, and no connection is held
 * between pages. A document written meanwhile appears as it was or as it is.
 *
 * @throws PgVectorDBError `invalid_argument`, at the first row asked for
 */
export async function* readRows<Row extends { readonly id: string }>(
  { database, target }: CollectionContext,
  fields: Sql,
  options: ReadRowsOptions,
  ownNames: readonly string[] = [],
): AsyncGenerator<Row, void, undefined> {
  checkOptionNames(options, [...OPTION_NAMES, ...ownNames]);
  const { where, batchSize: limit = DEFAULT_BATCH_SIZE, signal } = options;
  checkInteger("batchSize", limit, { min: 1, max: MAX_BATCH_SIZE });
  checkSignal(signal);
  const filter = compileWhere(where);
  let afterId = "";
  for (;;) {
    const rows = await database.query<Row>(selectPage(target, { afterId, limit, filter, fields }), { signal });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) return;
    afterId = last.id;
  }
}
