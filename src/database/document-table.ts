import sql, { empty, raw, type Sql } from "sql-template-tag";
import type { Vector } from "../contracts/embedder.ts";
import { table } from "../search/arms.ts";
import { vectorTypeName } from "../search/distance.ts";
import { identifier, textLiteral } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { byteaArray, flatFloatArray, textArray } from "./binary-array.ts";

/** A document as it is written. */
export interface DocumentRow {
  readonly id: string;
  readonly content: string;
  /** SHA-256 of `content`. */
  readonly hash: Uint8Array;
  /** JSON text. */
  readonly metadata: string;
}

export interface EmbeddedRow extends DocumentRow {
  readonly embedding: Vector;
}

/** All rows in one statement, in the order of their ids, so that writers of the same rows do not deadlock. An existing id is replaced. */
export function upsertDocuments(target: SearchTarget, rows: readonly EmbeddedRow[]): Sql {
  const { dimensions } = target;
  const type = raw(vectorTypeName(target.storage));
  const embedding = identifier(target.embeddingColumn);
  const vectors = flatFloatArray(
    rows.map((row) => row.embedding),
    dimensions,
  );
  return sql`INSERT INTO ${tableOf(target)} AS d (id, content, metadata, content_hash, ${embedding}, updated_at)
    SELECT input.id, input.content, input.metadata::jsonb, input.hash, (${vectors}::float4[])[(input.position - 1) * ${dimensions}::int + 1 : input.position * ${dimensions}::int]::${type}, now()
    FROM unnest(${texts(rows, "id")}::text[], ${texts(rows, "content")}::text[], ${texts(rows, "metadata")}::text[], ${hashes(rows)}::bytea[]) WITH ORDINALITY AS input (id, content, metadata, hash, position)
    ORDER BY input.id COLLATE "C"
    ON CONFLICT (id) DO UPDATE SET content = excluded.content, metadata = excluded.metadata, content_hash = excluded.content_hash, ${embedding} = excluded.${embedding}, updated_at = excluded.updated_at`;
}

/** Replaces only the metadata; the rows are locked in the order of their ids, as `upsertDocuments` does. */
export function updateMetadata(target: SearchTarget, rows: readonly DocumentRow[]): Sql {
  const ids = texts(rows, "id");
  const update = sql`UPDATE ${tableOf(target)} AS d SET metadata = input.metadata::jsonb, updated_at = now()
    FROM unnest(${ids}::text[], ${texts(rows, "metadata")}::text[]) AS input (id, metadata)`;
  // Citus takes no such locks on more than one node: there a deadlock is found, and one of the two does its work again.
  if (target.isDistributed) return sql`${update} WHERE d.id = input.id`;
  return sql`WITH locked AS (${lockRows(target, ids)}) ${update} JOIN locked ON locked.id = input.id WHERE d.id = locked.id`;
}

/** Until the transaction ends nobody else writes these documents, as far as they are there. */
export function lockDocuments(target: SearchTarget, rows: readonly DocumentRow[]): Sql {
  return lockRows(target, texts(rows, "id"));
}

function lockRows(target: SearchTarget, ids: Uint8Array): Sql {
  return sql`SELECT id FROM ${tableOf(target)} WHERE id = ANY(${ids}::text[]) ORDER BY id FOR NO KEY UPDATE`;
}

export interface StoredState {
  /** Position among the rows asked about. */
  readonly position: number;
  readonly id: string;
  readonly sameContent: boolean;
  readonly sameMetadata: boolean;
}

/** What is stored of these documents, found by id. */
export function compareById(target: SearchTarget, rows: readonly DocumentRow[]): Sql {
  return sql`SELECT (input.position - 1)::int AS position, d.id, d.content_hash = input.hash AS "sameContent", d.metadata = input.metadata::jsonb AS "sameMetadata"
    FROM unnest(${texts(rows, "id")}::text[], ${texts(rows, "metadata")}::text[], ${hashes(rows)}::bytea[]) WITH ORDINALITY AS input (id, metadata, hash, position)
    JOIN ${tableOf(target)} AS d ON d.id = input.id`;
}

/** What is stored of these documents, found by content; of several with the same content, the first id. */
export function compareByContent(target: SearchTarget, rows: readonly DocumentRow[]): Sql {
  return sql`SELECT DISTINCT ON (input.position) (input.position - 1)::int AS position, d.id, true AS "sameContent", d.metadata = input.metadata::jsonb AS "sameMetadata"
    FROM unnest(${texts(rows, "metadata")}::text[], ${hashes(rows)}::bytea[]) WITH ORDINALITY AS input (metadata, hash, position)
    JOIN ${tableOf(target)} AS d ON d.content_hash = input.hash ORDER BY input.position, d.id`;
}

export function selectDocuments(target: SearchTarget, ids: readonly string[]): Sql {
  return sql`SELECT id, content, metadata FROM ${tableOf(target)} WHERE ${hasId(ids)}`;
}

/** A page of documents in the order of their ids, after `afterId`. */
export function selectPage(
  target: SearchTarget,
  page: { readonly afterId: string; readonly limit: number; readonly filter: Sql | undefined; readonly fields: Sql },
): Sql {
  const filter = page.filter === undefined ? empty : sql` AND ${page.filter}`;
  return sql`SELECT ${page.fields} FROM ${tableOf(target)} WHERE id > ${page.afterId}${filter} ORDER BY id LIMIT ${page.limit}`;
}

/** The embedding in pgvector's binary format (`vector_send` in src/vector.c). */
export function embeddingBytes(target: SearchTarget): Sql {
  return sql`vector_send(${identifier(target.embeddingColumn)}::vector)`;
}

export function hasId(ids: readonly string[]): Sql {
  return sql`id = ANY(${textArray(ids)}::text[])`;
}

export function deleteDocuments(target: SearchTarget, condition: Sql): Sql {
  return sql`DELETE FROM ${tableOf(target)} WHERE ${condition} RETURNING id`;
}

/** @param metadata JSON text: all of the new metadata, or the fields to set */
export function changedMetadata(metadata: string, mode: "merge" | "replace"): Sql {
  return mode === "merge" ? sql`metadata || ${metadata}::jsonb` : sql`${metadata}::jsonb`;
}

/** @param changed what `changedMetadata` gives */
export function changeMetadata(target: SearchTarget, condition: Sql, changed: Sql): Sql {
  return sql`UPDATE ${tableOf(target)} SET metadata = ${changed}, updated_at = now() WHERE ${condition} RETURNING id`;
}

export function truncate(target: SearchTarget): Sql {
  return sql`TRUNCATE ${tableOf(target)}`;
}

export function countDocuments(target: SearchTarget, filter: Sql | undefined): Sql {
  const count = sql`SELECT count(*) AS count FROM ${tableOf(target)}`;
  return filter === undefined ? count : sql`${count} WHERE ${filter}`;
}

export function createKeywordIndex(target: SearchTarget): Sql {
  const method =
    target.keywordEngine === "bm25"
      ? sql`bm25 (content) WITH (text_config = ${textLiteral(target.language)})`
      : sql`gin (${identifier(target.termsColumn)})`;
  return sql`CREATE INDEX IF NOT EXISTS ${identifier(target.keywordIndex)} ON ${tableOf(target)} USING ${method}`;
}

export function analyze(target: SearchTarget): Sql {
  return sql`ANALYZE ${tableOf(target)}`;
}

export function tableOf(target: SearchTarget): Sql {
  return table(target);
}

function texts(rows: readonly DocumentRow[], field: "id" | "content" | "metadata"): Uint8Array {
  return textArray(rows.map((row) => row[field]));
}

function hashes(rows: readonly DocumentRow[]): Uint8Array {
  return byteaArray(rows.map((row) => row.hash));
}
