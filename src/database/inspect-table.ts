import sql from "sql-template-tag";
import type { Queryable } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";
import { quotedName } from "../search/identifier.ts";

/** A table or view as the catalog has it. */
export interface InspectedTable {
  readonly schema: string;
  readonly name: string;
  /** Views have none of their own. */
  readonly canHaveIndexes: boolean;
  readonly columns: readonly InspectedColumn[];
  /** `pg_get_indexdef` of every usable index. */
  readonly indexes: readonly string[];
}

export interface InspectedColumn {
  readonly name: string;
  /** `pg_type`'s name: `int4`, `text`, `vector`. */
  readonly type: string;
  /** Of a vector type that has them. */
  readonly dimensions: number | undefined;
  /** An index lets no value be there twice. */
  readonly isUnique: boolean;
}

interface Row {
  readonly schema: string;
  readonly table: string;
  readonly kind: string;
  readonly columns: readonly { name: string; type: string; modifier: number; isUnique: boolean }[];
  readonly indexes: readonly string[];
}

/** Tables, partitioned tables, views, materialised views and foreign tables. */
const READABLE = ["r", "p", "v", "m", "f"];

/**
 * @param quotedTable `"shop"."products"`
 * @throws PgVectorDBError `invalid_argument` when there is no such table
 */
export async function inspectTable(
  database: Queryable,
  quotedTable: string,
  signal: AbortSignal,
): Promise<InspectedTable> {
  const [row] = await database.query<Row>(
    sql`SELECT n.nspname::text AS schema, c.relname::text AS table, c.relkind::text AS kind,
      (SELECT json_agg(json_build_object('name', a.attname, 'type', t.typname, 'modifier', a.atttypmod, 'isUnique', EXISTS (
          SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
        )) ORDER BY a.attnum) FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
      (SELECT coalesce(json_agg(pg_get_indexdef(i.indexrelid)), '[]') FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisvalid) AS indexes
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(${quotedTable}) AND c.relkind = ANY(${READABLE}::text[])`,
    { signal },
  );
  if (row === undefined) throw noSuchTable();
  return {
    schema: row.schema,
    name: row.table,
    canHaveIndexes: ["r", "p", "m"].includes(row.kind),
    columns: row.columns.map(({ name, type, modifier, isUnique }) => ({
      name,
      type,
      isUnique,
      dimensions: modifier > 0 ? modifier : undefined,
    })),
    indexes: row.indexes,
  };
}

/**
 * The quoted name of a `table` option, which is taken as it is, upper case included; a dot parts the schema from the table.
 *
 * @throws PgVectorDBError `invalid_argument`
 */
export function quotedTableName(table: unknown): string {
  if (typeof table !== "string" || table.includes("\0")) throw noSuchTable();
  const parts = table.split(".");
  if (parts.length > 2 || parts.includes("")) throw noSuchTable();
  return quotedName(...parts);
}

function noSuchTable(): PgVectorDBError {
  return new PgVectorDBError(
    "invalid_argument",
    '`table` must be an existing table or view by its exact name, with its schema where that is not in the `search_path`, such as "shop.products".',
  );
}
