import { createHash } from "node:crypto";
import sql, { raw, type Sql } from "sql-template-tag";
import type { FieldIndexType } from "../contracts/indexes.ts";
import { operatorClass } from "../search/distance.ts";
import { indexedFieldExpression } from "../search/field-expression.ts";
import { identifier } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";

/** An index as it is asked for: its name, and what follows `ON table` in `CREATE INDEX`. */
export interface IndexDefinition {
  readonly name: string;
  readonly using: Sql;
  /** Kept as the index's comment, for an index whose name does not say it. */
  readonly field?: { readonly path: string; readonly type: FieldIndexType };
}

/** @param build whole numbers: options of an index cannot be bound */
export function vectorIndex(target: SearchTarget, build: { m: number; efConstruction: number }): IndexDefinition {
  const [m, efConstruction] = [build.m, build.efConstruction].map((value) => raw(String(Math.trunc(value))));
  return {
    name: target.vectorIndex,
    using: sql`USING hnsw (${identifier(target.embeddingColumn)} ${operatorClass(target.distance, target.storage)}) WITH (m = ${m}, ef_construction = ${efConstruction})`,
  };
}

/** Serves equality of any field: containment (`@>`) in the whole of the metadata. */
export function metadataIndex(target: SearchTarget): IndexDefinition {
  return { name: metadataIndexName(target), using: sql`USING gin (metadata jsonb_path_ops)` };
}

/** Serves ranges or patterns of one field. */
export function fieldIndex(target: SearchTarget, path: readonly string[], type: FieldIndexType): IndexDefinition {
  const field = { path: path.join("."), type };
  // A path may be longer than a name in Postgres (63 bytes).
  const digest = createHash("sha256").update(JSON.stringify(field)).digest("hex").slice(0, 12);
  const expression = indexedFieldExpression(path, type === "pattern" ? "string" : type);
  const using = {
    string: sql`USING btree ((${expression}) COLLATE "C")`,
    number: sql`USING btree ((${expression}))`,
    date: sql`USING btree ((${expression}))`,
    pattern: sql`USING gin ((${expression}) gin_trgm_ops)`,
  }[type];
  return { name: `${fieldIndexPrefix(target)}${digest}`, using, field };
}

/** Finds documents by their text, for `dedupe`. */
export function contentIndex(target: SearchTarget): IndexDefinition {
  return { name: contentIndexName(target), using: sql`USING btree (content_hash)` };
}

export function metadataIndexName(target: SearchTarget): string {
  return `${target.table}_metadata`;
}

export function fieldIndexPrefix(target: SearchTarget): string {
  return `${target.table}_field_`;
}

export function contentIndexName(target: SearchTarget): string {
  return `${target.table}_content_hash`;
}
