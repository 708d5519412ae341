import sql, { raw, type Sql } from "sql-template-tag";
import type { Database, Queryable } from "../contracts/database.ts";
import type { Vector } from "../contracts/embedder.ts";
import type { CategorySpace, NumberSpace, RecencySpace, SpaceInfo } from "../contracts/space.ts";
import { fieldExpression, indexedFieldExpression } from "../search/field-expression.ts";
import { identifier } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { byteaArray, flatFloatArray, textArray } from "./binary-array.ts";
import { tableOf } from "./document-table.ts";
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
      sql`ALTER TABLE ${tableOf(target)} ADD COLUMN ${identifier(space.column)} ${raw(`vector(${Math.trunc(space.dimensions)})`)}, ADD COLUMN ${sourceColumn(space.column)} bytea`,
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

export interface StaleText {
  readonly id: string;
  /** Null where the document has no text for this space. */
  readonly text: string | null;
  readonly hash: Uint8Array | null;
}

/** Which of these documents have a text that their vector was not made from. `space` is what `targetOfSpace` gives. */
export function selectStaleTexts(
  space: SearchTarget,
  path: readonly string[] | undefined,
  ids: readonly string[],
): Sql {
  const text = path === undefined ? sql`content` : fieldExpression(path, "string");
  const hash = sql`sha256(convert_to(text, 'UTF8'))`;
  const source = sourceColumn(space.embeddingColumn);
  return sql`SELECT id, text, ${hash} AS hash FROM (SELECT id, ${source} AS source, CASE WHEN ${text} ~ '[^[:space:]]' THEN ${text} END AS text FROM ${tableOf(space)} WHERE id = ANY(${textArray(ids)}::text[])) AS texts WHERE source IS DISTINCT FROM ${hash} ORDER BY id`;
}

export function writeSpaceVectors(
  space: SearchTarget,
  rows: readonly { readonly id: string; readonly hash: Uint8Array }[],
  vectors: readonly Vector[],
): Sql {
  const ids = textArray(rows.map((row) => row.id));
  const hashes = byteaArray(rows.map((row) => row.hash));
  const { dimensions } = space;
  return sql`UPDATE ${tableOf(space)} AS d SET ${identifier(space.embeddingColumn)} = (${flatFloatArray(vectors, dimensions)}::float4[])[(input.position - 1) * ${dimensions}::int + 1 : input.position * ${dimensions}::int]::vector, ${sourceColumn(space.embeddingColumn)} = input.hash
    FROM unnest(${ids}::text[], ${hashes}::bytea[]) WITH ORDINALITY AS input (id, hash, position) WHERE d.id = input.id`;
}

export function clearSpaceVectors(space: SearchTarget, ids: readonly string[]): Sql {
  return sql`UPDATE ${tableOf(space)} SET ${identifier(space.embeddingColumn)} = NULL, ${sourceColumn(space.embeddingColumn)} = NULL WHERE id = ANY(${textArray(ids)}::text[])`;
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

function sourceColumn(column: string): Sql {
  return identifier(`${column}_source`);
}
