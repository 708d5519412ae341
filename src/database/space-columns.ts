import sql, { raw, type Sql } from "sql-template-tag";
import type { Database, Queryable } from "../contracts/database.ts";
import type { Vector } from "../contracts/embedder.ts";
import type { CategorySpace, NumberSpace, RecencySpace, SpaceInfo } from "../contracts/space.ts";
import { fieldAt, indexedFieldExpression } from "../search/field-expression.ts";
import { identifier } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { byteaArray, flatFloatArray, textArray } from "./binary-array.ts";
import { type DocumentRow, tableOf } from "./document-table.ts";
import { ensureIndex } from "./ensure-index.ts";

/** A text space as the catalog has it. */
export interface TextSpaceRecord {
  readonly name: string;
  readonly kind: "text";
  /** Path of the metadata field; null for the content. */
  readonly field: string | null;
  readonly embedder: string;
  readonly dimensions: number;
  /** Name of the column with its vectors. */
  readonly column: string;
}

/** A space as the catalog has it. */
export type SpaceRecord = TextSpaceRecord | ((NumberSpace | CategorySpace | RecencySpace) & { readonly name: string });

/** A space as its collection's callers are told of it. */
export function spaceInfo({ name, ...space }: SpaceRecord): [name: string, info: SpaceInfo] {
  if (space.kind !== "text") return [name, space];
  const { kind, field, embedder, dimensions } = space;
  return [name, { kind, ...(field === null ? {} : { field }), embedder, dimensions }];
}

/** A text space's own columns: its vectors, and the hash of the text that each was made from. */
export async function addSpaceColumns(
  transaction: Queryable,
  target: SearchTarget,
  spaces: readonly SpaceRecord[],
): Promise<void> {
  for (const space of spaces) {
    if (space.kind !== "text") continue;
    await transaction.query(
      sql`ALTER TABLE ${tableOf(target)} ADD COLUMN ${identifier(space.column)} ${raw(`vector(${Math.trunc(space.dimensions)})`)}, ADD COLUMN ${identifier(sourceName(space.column))} bytea`,
    );
  }
}

/** A text space as a table of vectors of its own, which an arm can search. Spaces compare by the cosine. */
export function targetOfSpace(target: SearchTarget, { column, dimensions }: TextSpaceRecord): SearchTarget {
  return {
    ...target,
    embeddingColumn: column,
    dimensions,
    distance: "cosine",
    // Whatever the collection's own embeddings are kept as.
    storage: "float32",
    vectorIndex: `${target.table}_${column}_hnsw`,
  };
}

/** A text space's column, as `targetOfSpace` gives it, and the metadata field with its text; without one the content. */
export interface SpaceColumn {
  readonly target: SearchTarget;
  readonly path: readonly string[] | undefined;
}

export interface SpaceText {
  readonly id: string;
  /** Null where the document has no text for this space. */
  readonly text: string | null;
  readonly hash: Uint8Array | null;
}

/** The texts of documents that are still to be written. */
export function textsToWrite({ path }: SpaceColumn, rows: readonly DocumentRow[]): Sql {
  const ids = textArray(rows.map(({ id }) => id));
  const given = textArray(rows.map(({ content, metadata }) => (path === undefined ? content : metadata)));
  const field = path === undefined ? sql`given.field AS content` : sql`given.field::jsonb AS metadata`;
  return sql`SELECT id, text, ${HASH} AS hash FROM (SELECT id, ${textAt(path)} AS text FROM (SELECT given.id, ${field} FROM unnest(${ids}::text[], ${given}::text[]) AS given (id, field)) AS documents) AS texts`;
}

/** Which of these texts their vectors were made from already. */
export function selectFresh({ target }: SpaceColumn, rows: readonly { id: string; hash: Uint8Array }[]): Sql {
  return sql`SELECT d.id FROM unnest(${textArray(rows.map(({ id }) => id))}::text[], ${byteaArray(rows.map(({ hash }) => hash))}::bytea[]) AS input (id, hash) JOIN ${tableOf(target)} AS d ON d.id = input.id WHERE d.${sourceColumn(target)} = input.hash`;
}

/**
 * The texts that vectors were not made from, of documents that match.
 *
 * @param metadata what the documents' metadata are, or will be
 */
export function selectStaleTexts({ target, path }: SpaceColumn, condition: Sql, metadata = sql`metadata`): Sql {
  return sql`SELECT id, text, ${HASH} AS hash FROM (SELECT id, source, ${textAt(path)} AS text FROM (SELECT id, content, ${metadata} AS metadata, ${sourceColumn(target)} AS source FROM ${tableOf(target)} WHERE ${condition}) AS documents) AS texts WHERE source IS DISTINCT FROM ${HASH} ORDER BY id`;
}

/** Where the text is still the one that the vector was made from. */
export function writeSpaceVectors(
  { target: space, path }: SpaceColumn,
  rows: readonly { readonly id: string; readonly hash: Uint8Array }[],
  vectors: readonly Vector[],
): Sql {
  const ids = textArray(rows.map((row) => row.id));
  const hashes = byteaArray(rows.map((row) => row.hash));
  const { dimensions } = space;
  return sql`UPDATE ${tableOf(space)} AS d SET ${identifier(space.embeddingColumn)} = (${flatFloatArray(vectors, dimensions)}::float4[])[(input.position - 1) * ${dimensions}::int + 1 : input.position * ${dimensions}::int]::vector, ${sourceColumn(space)} = input.hash
    FROM unnest(${ids}::text[], ${hashes}::bytea[]) WITH ORDINALITY AS input (id, hash, position) WHERE d.id = input.id AND ${hashOf(textAt(path))} = input.hash`;
}

/** Takes away the vectors that were made from another text than there is now. */
export function clearSpaceVectors({ target: space, path }: SpaceColumn, ids: readonly string[]): Sql {
  const source = sourceColumn(space);
  return sql`UPDATE ${tableOf(space)} SET ${identifier(space.embeddingColumn)} = NULL, ${source} = NULL WHERE id = ANY(${textArray(ids)}::text[]) AND ${source} IS NOT NULL AND ${source} IS DISTINCT FROM ${hashOf(textAt(path))} RETURNING id`;
}

/** Makes the indexes that give the best of the spaces over metadata in order; one that is there is left alone. */
export async function ensureSpaceIndexes(
  database: Database,
  target: SearchTarget,
  spaces: readonly SpaceRecord[],
): Promise<void> {
  for (const [position, space] of spaces.entries()) {
    if (space.kind === "text") continue;
    const index = space.kind === "category" ? `${target.table}_metadata` : `${target.table}_space_${position}`;
    await ensureIndex(database, target, index, indexMethod(space));
  }
}

function indexMethod(space: Exclude<SpaceRecord, TextSpaceRecord>): Sql {
  if (space.kind === "category") return sql`USING gin (metadata jsonb_path_ops)`;
  return sql`((${indexedFieldExpression(space.field.split("."), space.kind === "number" ? "number" : "date")}))`;
}

function textAt(path: readonly string[] | undefined): Sql {
  // Not `fieldExpression`: Citus loses the `CASE … WHEN` of its form on the way to the nodes, in a statement that writes.
  const text = path === undefined ? sql`content` : stringAt(fieldAt(path));
  return sql`CASE WHEN (${text}) ~ '[^[:space:]]' THEN ${text} END`;
}

function stringAt(field: Sql): Sql {
  return sql`CASE WHEN jsonb_typeof(${field}) = 'string' THEN ${field} #>> '{}' END`;
}

function hashOf(text: Sql): Sql {
  return sql`sha256(convert_to(${text}, 'UTF8'))`;
}

const HASH = hashOf(sql`text`);

function sourceColumn({ embeddingColumn }: SearchTarget): Sql {
  return identifier(sourceName(embeddingColumn));
}

function sourceName(column: string): string {
  return `${column}_source`;
}
