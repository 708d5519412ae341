import sql, { type Sql } from "sql-template-tag";
import type { CollectionContext } from "../collection-context.ts";
import type { CollectionStats } from "../contracts/indexes.ts";
import { infoOf } from "../database/catalog.ts";
import { countDocuments } from "../database/document-table.ts";
import { listIndexes } from "../database/list-indexes.ts";
import { vocabularyName } from "../database/word-index.ts";
import { quotedName } from "../search/identifier.ts";

interface Row {
  readonly table: number;
  readonly indexes: number;
  /** Of fuzzy search, with its indexes. */
  readonly vocabulary: number;
  readonly postgres: string;
  readonly pgvector: string;
  readonly textsearch: string | null;
}

/** A table in pieces has its rows in them: Citus knows the sizes of its shards, Postgres those of partitions. */
function sizes(name: string, isOnCitus: boolean): Sql {
  const own = sql`to_regclass(${name})`;
  if (isOnCitus) {
    return sql`citus_table_size(${own}) AS table, citus_total_relation_size(${own}) - citus_table_size(${own}) AS indexes`;
  }
  const partitions = sql`FROM pg_partition_tree(${own}) AS part WHERE part.relid <> ${own}`;
  return sql`pg_table_size(${own}) + (SELECT coalesce(sum(pg_table_size(part.relid)), 0) ${partitions}) AS table, pg_indexes_size(${own}) + (SELECT coalesce(sum(pg_indexes_size(part.relid)), 0) ${partitions}) AS indexes`;
}

/** What a collection holds and what it takes. Documents are counted, not estimated. */
export async function collectionStats(
  { database, target, record }: CollectionContext,
  signal: AbortSignal,
): Promise<CollectionStats> {
  const name = quotedName(target.schema, target.table);
  const [count] = await database.query<{ count: number }>(countDocuments(target, undefined), { signal });
  const [row] = await database.query<Row>(
    sql`SELECT ${sizes(name, record.shards !== null && database.capabilities.citus)}, coalesce(pg_total_relation_size(to_regclass(${quotedName(target.schema, vocabularyName(target))})), 0) AS vocabulary, current_setting('server_version') AS postgres, (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector, (SELECT extversion FROM pg_extension WHERE extname = 'pg_textsearch') AS textsearch`,
    { signal },
  );
  const [table, indexes] = [Number(row?.table ?? 0), Number(row?.indexes ?? 0) + Number(row?.vocabulary ?? 0)];
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
