import sql, { raw, type Sql } from "sql-template-tag";
import { arrayText } from "./array-text.ts";

/** What a metadata field is compared as. */
export type FieldType = "string" | "number" | "date";

/**
 * What ranges, patterns and orders on a metadata field are written with: `text`, `numeric`, or milliseconds since 1970 as
 * `float8`; null where the field is missing or of another type. Every part is immutable, so that an index can hold it; the
 * index's text is `indexedFieldExpression` of the same arguments.
 *
 * @param path names from the outside in; bound, not written into the text
 */
export function fieldExpression(path: readonly string[], type: FieldType): Sql {
  return expression(sql`${arrayText(path)}`, type);
}

/**
 * The same for `CREATE INDEX`, where nothing can be bound: `CREATE INDEX … ON documents ((<expression>))` serves ranges,
 * multimodal number and recency spaces. The text of a range is compared `COLLATE "C"`, so that an index for it is on
 * `((<expression>) COLLATE "C")`; one for patterns is `USING gin ((<expression>) gin_trgm_ops)`. Equality is served by
 * `USING gin (metadata jsonb_path_ops)`.
 */
export function indexedFieldExpression(path: readonly string[], type: FieldType): Sql {
  return expression(raw(`'${arrayText(path).replaceAll("'", "''")}'`), type);
}

/** The field as jsonb; null where it is missing. */
export function fieldAt(path: readonly string[]): Sql {
  return at(sql`${arrayText(path)}`);
}

function expression(path: Sql, type: FieldType): Sql {
  if (type === "date") return sql`pgvectordb.epoch_ms(metadata #>> ${path}::text[])`;
  // Only the branch that is taken is evaluated: the cast never meets a value of another type.
  return type === "number"
    ? sql`(CASE jsonb_typeof(${at(path)}) WHEN 'number' THEN ${at(path)}::numeric END)`
    : sql`(CASE jsonb_typeof(${at(path)}) WHEN 'string' THEN metadata #>> ${path}::text[] END)`;
}

function at(path: Sql): Sql {
  return sql`(metadata #> ${path}::text[])`;
}
