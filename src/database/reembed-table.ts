import sql, { raw, type Sql } from "sql-template-tag";
import type { Capabilities, Database, OpenDatabase, QueryOptions } from "../contracts/database.ts";
import type { Embedder, Vector } from "../contracts/embedder.ts";
import { PgVectorDBError } from "../errors.ts";
import { vectorTypeName } from "../search/distance.ts";
import { identifier, quotedName } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { byteaArray, flatFloatArray, textArray } from "./binary-array.ts";
import {
  type CollectionRecord,
  findCollection,
  moveToNextEmbedder,
  setNextEmbedder,
  targetOf,
  vectorType,
} from "./catalog.ts";
import { tableOf } from "./document-table.ts";
import { ReembedLease } from "./reembed-lease.ts";
import { buildVectorIndex, maxIndexedDimensions } from "./vector-index.ts";

export interface ReembedRow {
  readonly id: string;
  readonly content: string;
  readonly hash: Uint8Array;
}

/** The new column, and beside it the hash of the content that its vector was made from: a document changed since is done again. */
function addNextEmbedding(next: SearchTarget): Sql {
  return sql`ALTER TABLE ${tableOf(next)} ADD COLUMN ${identifier(next.embeddingColumn)} ${vectorType(next)}, ADD COLUMN ${hashColumn(next)} bytea`;
}

function dropNextEmbedding(next: SearchTarget): Sql {
  return sql`ALTER TABLE ${tableOf(next)} DROP COLUMN IF EXISTS ${identifier(next.embeddingColumn)}, DROP COLUMN IF EXISTS ${hashColumn(next)}`;
}

export function countPending(next: SearchTarget): Sql {
  return sql`SELECT count(*) AS total, count(*) FILTER (WHERE ${isPending(next)}) AS pending FROM ${tableOf(next)}`;
}

export function selectPending(next: SearchTarget, afterId: string, limit: number): Sql {
  return sql`SELECT id, content, content_hash AS hash FROM ${tableOf(next)} WHERE id > ${afterId} AND ${isPending(next)} ORDER BY id LIMIT ${limit}`;
}

export function writeNextEmbeddings(next: SearchTarget, rows: readonly ReembedRow[], vectors: readonly Vector[]): Sql {
  const { dimensions } = next;
  const ids = textArray(rows.map((row) => row.id));
  const hashes = byteaArray(rows.map((row) => row.hash));
  return sql`UPDATE ${tableOf(next)} AS d SET ${identifier(next.embeddingColumn)} = (${flatFloatArray(vectors, dimensions)}::float4[])[(input.position - 1) * ${dimensions}::int + 1 : input.position * ${dimensions}::int]::${raw(vectorTypeName(next.storage))}, ${hashColumn(next)} = input.hash
    FROM unnest(${ids}::text[], ${hashes}::bytea[]) WITH ORDINALITY AS input (id, hash, position) WHERE d.id = input.id AND d.content_hash = input.hash`;
}

/**
 * Notes in the catalog which embedder the collection moves to, and makes room for its vectors. One that was under way to
 * the same embedder goes on; one to another is given up.
 *
 * @returns the collection, with the right to move it; without when it has that embedder already
 * @throws PgVectorDBError `collection_not_found`; `database_locked` while somebody else moves it
 */
export async function beginReembed(
  database: OpenDatabase,
  name: string,
  { id, dimensions }: Pick<Embedder, "id" | "dimensions">,
  options: QueryOptions,
): Promise<{ readonly record: CollectionRecord; readonly lease?: ReembedLease }> {
  const begun = await database.transaction(async (transaction) => {
    const found = await findCollection(transaction, name);
    if (found === undefined) {
      throw new PgVectorDBError("collection_not_found", `There is no collection ${JSON.stringify(name)}.`);
    }
    if (found.nextEmbedder === null && hasEmbedder(found, id, dimensions)) return { record: found };
    const lease = await ReembedLease.take(transaction, database, found.id);
    // Read again: whoever had the lease before may have ended meanwhile.
    const record = (await findCollection(transaction, name)) ?? found;
    if (record.nextEmbedder === id && record.nextDimensions === dimensions) return { record, lease };
    const next = nextTargetOf(record, dimensions, database.capabilities);
    if (record.nextEmbedder !== null) await transaction.query(dropNextEmbedding(next));
    if (hasEmbedder(record, id, dimensions)) {
      return { record: await setNextEmbedder(transaction, record.id, null), lease };
    }
    await transaction.query(addNextEmbedding(next));
    return { record: await setNextEmbedder(transaction, record.id, { embedder: id, dimensions }), lease };
  }, options);
  begun.lease?.begin(options.signal);
  return begun;
}

function hasEmbedder(record: CollectionRecord, id: string, dimensions: number): boolean {
  return record.embedder === id && record.dimensions === dimensions;
}

/** Makes the new vectors the collection's. `undefined`: some documents do not have one yet. */
export async function switchEmbedding(
  database: OpenDatabase,
  record: CollectionRecord,
  { next, lease }: { readonly next: SearchTarget; readonly lease: ReembedLease },
  options: QueryOptions,
): Promise<CollectionRecord | undefined> {
  return database.transaction(async (transaction) => {
    await lease.hold(transaction);
    await transaction.query(sql`LOCK TABLE ${tableOf(next)} IN ACCESS EXCLUSIVE MODE`);
    const [count] = await transaction.query<{ pending: number }>(countPending(next));
    if (count?.pending !== 0) return undefined;
    const current = identifier(targetOf(record, database.capabilities).embeddingColumn);
    await transaction.query(
      sql`ALTER TABLE ${tableOf(next)} DROP COLUMN ${current}, DROP COLUMN ${hashColumn(next)}, ALTER COLUMN ${identifier(next.embeddingColumn)} SET NOT NULL`,
    );
    return moveToNextEmbedder(transaction, record.id);
  }, options);
}

/** An index on the old vectors gets its like on the new ones, before the switch. */
export async function followVectorIndex(
  database: OpenDatabase,
  record: CollectionRecord,
  next: SearchTarget,
  signal: AbortSignal,
): Promise<void> {
  const name = quotedName(next.schema, targetOf(record, database.capabilities).vectorIndex);
  const [row] = await database.query<{ options: string[] | null }>(
    sql`SELECT reloptions AS options FROM pg_class WHERE oid = to_regclass(${name})`,
    { signal },
  );
  if (row === undefined || next.dimensions > maxIndexedDimensions(next.storage)) return;
  const option = (key: string, otherwise: number) =>
    Number(row.options?.find((text) => text.startsWith(`${key}=`))?.slice(key.length + 1) ?? otherwise);
  const build = { m: option("m", 16), efConstruction: option("ef_construction", 64) };
  await buildVectorIndex(database, next, build, signal);
}

/** Every row was written anew: gives the space of the old versions back. */
export async function vacuum(database: Database, target: SearchTarget): Promise<void> {
  await database.query(sql`VACUUM ${tableOf(target)}`);
}

export function nextTargetOf(record: CollectionRecord, dimensions: number, capabilities: Capabilities): SearchTarget {
  return targetOf({ ...record, generation: record.generation + 1, dimensions }, capabilities);
}

function isPending(next: SearchTarget): Sql {
  return sql`${hashColumn(next)} IS DISTINCT FROM content_hash`;
}

function hashColumn(next: SearchTarget): Sql {
  return identifier(`${next.embeddingColumn}_hash`);
}
