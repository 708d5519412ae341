import sql from "sql-template-tag";
import type { Queryable, QueryOptions } from "../contracts/database.ts";
import type { FieldIndexType, IndexInfo } from "../contracts/indexes.ts";
import { quotedName } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { contentIndexName, fieldIndexPrefix, metadataIndexName } from "./index-definition.ts";
import { wordIndexName } from "./word-index.ts";

interface Row {
  readonly name: string;
  readonly isPrimary: boolean;
  readonly isValid: boolean;
  readonly bytes: number;
  readonly comment: string | null;
}

/** The indexes of the collection's table, by name. */
export async function listIndexes(
  database: Queryable,
  target: SearchTarget,
  options: QueryOptions,
): Promise<IndexInfo[]> {
  const rows = await database.query<Row>(
    sql`SELECT c.relname::text AS name, i.indisprimary AS "isPrimary", i.indisvalid AS "isValid", pg_relation_size(c.oid) + coalesce((SELECT sum(pg_relation_size(part.relid)) FROM pg_partition_tree(c.oid) AS part WHERE part.relid <> c.oid), 0) AS bytes, obj_description(c.oid, 'pg_class') AS comment FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass(${quotedName(target.schema, target.table)}) ORDER BY c.relname`,
    options,
  );
  return rows.map((row): IndexInfo => {
    const { name, isValid, bytes } = row;
    const kind = kindOf(row, target);
    const field = kind === "field" ? fieldOf(row.comment) : undefined;
    return { name, kind, ...(field === undefined ? {} : { field }), isValid, bytes: Number(bytes) };
  });
}

function kindOf({ name, isPrimary }: Row, target: SearchTarget): IndexInfo["kind"] {
  if (isPrimary) return "id";
  if (name.startsWith(`${target.table}_`) && name.endsWith("_hnsw")) return "vector";
  if (name === `${target.table}_trigrams` || name === wordIndexName(target)) return "trigram";
  if (name.startsWith(`${target.table}_space_`)) return "space";
  if (name === target.keywordIndex) return "keyword";
  if (name === metadataIndexName(target)) return "metadata";
  if (name === contentIndexName(target)) return "content";
  return name.startsWith(fieldIndexPrefix(target)) ? "field" : "other";
}

function fieldOf(comment: string | null): { path: string; type: FieldIndexType } | undefined {
  try {
    return JSON.parse(comment ?? "") as { path: string; type: FieldIndexType };
  } catch {
    // Somebody wrote another comment, or the build ended before it was written.
    return undefined;
  }
}
