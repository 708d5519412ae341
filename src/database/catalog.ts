import sql, { empty, raw, type Sql } from "sql-template-tag";
import type { CollectionInfo } from "../contracts/collection.ts";
import type { Capabilities, OpenDatabase, Queryable, QueryOptions } from "../contracts/database.ts";
import { vectorTypeName } from "../search/distance.ts";
import { identifier } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { SCHEMA } from "./schema.ts";
import { addSpaceColumns, type SpaceRecord, spaceInfo } from "./space-columns.ts";
import { partitioning, spreading } from "./spread-table.ts";
import { termsColumn } from "./terms-column.ts";
import { dropVocabulary } from "./word-index.ts";

/** A collection's row in the catalog. */
export interface CollectionRecord extends NewCollection {
  readonly id: number;
  /** Names the embedding column: another embedder means another column, so that nobody mixes them up. */
  readonly generation: number;
  /** The embedder that an unfinished `reembed` is moving to. */
  readonly nextEmbedder: string | null;
  readonly nextDimensions: number | null;
  readonly shards: number | null;
  /** Sorted by name. */
  readonly spaces: readonly SpaceRecord[];
}

export interface NewCollection extends Omit<CollectionInfo, "shards" | "spaces"> {
  readonly shards: number | null;
}

/** What a caller is told of a collection. */
export function infoOf({
  name,
  embedder,
  dimensions,
  distance,
  language,
  storage,
  shards,
  spaces,
}: CollectionRecord): CollectionInfo {
  return {
    ...{ name, embedder, dimensions, distance, language, storage },
    ...(shards === null ? {} : { shards }),
    ...(spaces.length === 0 ? {} : { spaces: Object.fromEntries(spaces.map(spaceInfo)) }),
  };
}

const FIELDS = sql`id, name, embedder, dimensions, distance, language, storage, shards, generation, next_embedder AS "nextEmbedder", next_dimensions AS "nextDimensions", spaces`;

export async function findCollection(
  database: Queryable,
  name: string,
  options: QueryOptions = {},
): Promise<CollectionRecord | undefined> {
  const statement = sql`SELECT ${FIELDS} FROM pgvectordb.collections WHERE name = ${name}`;
  return (await database.query<CollectionRecord>(statement, options))[0];
}

export async function listCollections(database: Queryable, options: QueryOptions = {}): Promise<CollectionRecord[]> {
  return database.query<CollectionRecord>(sql`SELECT ${FIELDS} FROM pgvectordb.collections ORDER BY name`, options);
}

/** Makes the collection with its table, unless somebody just did. */
export async function createCollection(
  database: OpenDatabase,
  info: NewCollection,
  spaces: readonly SpaceRecord[],
  options: QueryOptions = {},
): Promise<CollectionRecord> {
  const { name, embedder, dimensions, distance, language, storage, shards } = info;
  return database.transaction(async (transaction) => {
    const [created] = await transaction.query<CollectionRecord>(
      sql`INSERT INTO pgvectordb.collections (name, embedder, dimensions, distance, language, storage, shards) VALUES (${name}, ${embedder}, ${dimensions}, ${distance}, ${language}, ${storage}, ${shards}) ON CONFLICT (name) DO NOTHING RETURNING ${FIELDS}`,
    );
    if (created === undefined) return (await findCollection(transaction, name)) as CollectionRecord;
    const target = targetOf(created, database.capabilities);
    await transaction.query(
      sql`CREATE TABLE ${identifier(SCHEMA, target.table)} (
        id text COLLATE "C" PRIMARY KEY,
        content text NOT NULL,
        metadata jsonb NOT NULL,
        content_hash bytea NOT NULL,
        ${target.keywordEngine === "full_text" ? sql`${termsColumn(target)},` : empty}
        ${identifier(target.embeddingColumn)} ${vectorType(target)} NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      )${partitioning(created, database.capabilities)}`,
    );
    for (const statement of spreading(target, created, database.capabilities)) await transaction.query(statement);
    if (spaces.length === 0) return created;
    await addSpaceColumns(transaction, target, spaces);
    return setSpaces(transaction, created.id, spaces);
  }, options);
}

async function setSpaces(database: Queryable, id: number, spaces: readonly SpaceRecord[]): Promise<CollectionRecord> {
  const [record] = await database.query<CollectionRecord>(
    sql`UPDATE pgvectordb.collections SET spaces = ${JSON.stringify(spaces)}::jsonb WHERE id = ${id} RETURNING ${FIELDS}`,
  );
  return record as CollectionRecord;
}

/** Notes the embedder that the collection is moving to, or that it is moving to none. */
export async function setNextEmbedder(
  database: Queryable,
  id: number,
  next: { readonly embedder: string; readonly dimensions: number } | null,
): Promise<CollectionRecord> {
  const [record] = await database.query<CollectionRecord>(
    sql`UPDATE pgvectordb.collections SET next_embedder = ${next?.embedder ?? null}, next_dimensions = ${next?.dimensions ?? null} WHERE id = ${id} RETURNING ${FIELDS}`,
  );
  return record as CollectionRecord;
}

/** The embedder that the collection was moving to is its embedder from now on. */
export async function moveToNextEmbedder(database: Queryable, id: number): Promise<CollectionRecord> {
  const [record] = await database.query<CollectionRecord>(
    sql`UPDATE pgvectordb.collections SET embedder = next_embedder, dimensions = next_dimensions, next_embedder = NULL, next_dimensions = NULL, reembed_owner = NULL, reembed_until = NULL, generation = generation + 1 WHERE id = ${id} RETURNING ${FIELDS}`,
  );
  return record as CollectionRecord;
}

/** @returns whether there was such a collection */
export async function dropCollection(
  database: OpenDatabase,
  name: string,
  options: QueryOptions = {},
): Promise<boolean> {
  return database.transaction(async (transaction) => {
    const [dropped] = await transaction.query<CollectionRecord>(
      sql`DELETE FROM pgvectordb.collections WHERE name = ${name} RETURNING ${FIELDS}`,
    );
    if (dropped === undefined) return false;
    const target = targetOf(dropped, database.capabilities);
    await transaction.query(sql`DROP TABLE ${identifier(SCHEMA, target.table)}`);
    for (const statement of dropVocabulary(target)) await transaction.query(statement);
    return true;
  }, options);
}

/** Text-search configurations of this Postgres: the languages a collection can have. */
export async function listLanguages(database: Queryable, options: QueryOptions = {}): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    sql`SELECT cfgname::text AS name FROM pg_ts_config WHERE pg_ts_config_is_visible(oid) ORDER BY cfgname`,
    options,
  );
  return rows.map((row) => row.name);
}

/** The names of a collection's table and of what belongs to it: made of numbers only, never of the collection's name. */
export function targetOf(
  { id, generation, dimensions, distance, language, storage, shards }: CollectionRecord,
  { bm25: hasBm25, citus, iterativeScan }: Capabilities,
): SearchTarget {
  const table = `documents_${id}`;
  // A BM25 index knows the statistics of its own piece only.
  const bm25 = hasBm25 && shards === null;
  return {
    schema: SCHEMA,
    table,
    embeddingColumn: embeddingColumn(generation),
    dimensions,
    distance,
    storage,
    language,
    keywordEngine: bm25 ? "bm25" : "full_text",
    keywordIndex: bm25 ? `${table}_bm25` : `${table}_terms`,
    termsColumn: "terms",
    vectorIndex: `${table}_${embeddingColumn(generation)}_hnsw`,
    isDistributed: citus && shards !== null,
    iterativeScan,
  };
}

export function embeddingColumn(generation: number): string {
  return `embedding_${generation}`;
}

/** A type modifier cannot be bound; `dimensions` was checked to be an integer. */
export function vectorType({ dimensions, storage }: Pick<SearchTarget, "dimensions" | "storage">): Sql {
  return raw(`${vectorTypeName(storage)}(${Math.trunc(dimensions)})`);
}
