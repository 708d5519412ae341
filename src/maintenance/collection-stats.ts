import sql from "sql-template-tag";
import type { CollectionContext } from "../collection-context.ts";
import type { CollectionStats } from "../contracts/indexes.ts";
import { infoOf } from "../database/catalog.ts";
import { countDocuments } from "../database/document-table.ts";
import { listIndexes } from "../database/list-indexes.ts";
import { quotedName } from "../search/identifier.ts";

interface Row {
  readonly table: number;
  readonly indexes: number;
  readonly postgres: string;
  readonly pgvector: string;
  readonly textsearch: string | null;
}

/** What a collection holds and what it takes. Documents are counted, not estimated. */
export async function collectionStats(
  { database, target, record }: CollectionContext,
  signal: AbortSignal,
): Promise<CollectionStats> {
  const name = quotedName(target.schema, target.table);
  const [count] = await database.query<{ count: number }>(countDocuments(target, undefined), { signal });
  const [row] = await database.query<Row>(
    sql`SELECT pg_table_size(to_regclass(${name})) AS table, pg_indexes_size(to_regclass(${name})) AS indexes, current_setting('server_version') AS postgres, (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector, (SELECT extversion FROM pg_extension WHERE extname = 'pg_textsearch') AS textsearch`,
    { signal },
  );
  const [table, indexes] = [Number(row?.table ?? 0), Number(row?.indexes ?? 0)];
  const usesTextsearch = target.keywordEngine === "bm25" && row?.textsearch != null;
  return {
    ...infoOf(record),
    documents: Number(count?.count ?? 0),
    bytes: { table, indexes, total: table + indexes },
    indexes: await listIndexes(database, target, { signal }),
    versions: {
      postgres: row?.postgres ?? "",
      pgvector: row?.pgvector ?? "",
      ...(usesTextsearch ? { textsearch: row.textsearch } : {}),
    },
  };
}
