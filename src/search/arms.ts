import sql, { empty, raw, type Sql } from "sql-template-tag";
import type { Vector } from "../contracts/embedder.ts";
import { distanceSql, vectorTypeName } from "./distance.ts";
import { bestByFullText } from "./full-text-arm.ts";
import { identifier, quotedName } from "./identifier.ts";
import type { SearchTarget } from "./search-target.ts";

export interface SemanticArm {
  readonly vector: Vector;
  readonly k: number;
  readonly filter: Sql | undefined;
  /** Filter first and compare with every vector: the vector index is not asked. */
  readonly exact: boolean;
}

export interface KeywordArm {
  readonly query: string;
  readonly k: number;
  readonly filter: Sql | undefined;
}

/** Rows `(id, distance, rank)` of the nearest documents. A zero vector has no direction and is nobody's neighbour. */
export function semanticArm(target: SearchTarget, { vector, k, filter, exact }: SemanticArm): Sql {
  const distance = distanceTo(target, vector);
  const nearest = exact
    ? // An expression around the distance keeps the vector index out.
      sql`SELECT id, ${distance} AS distance FROM ${table(target)}${where(filter)} ORDER BY (${distance}) + 0, id LIMIT ${k}`
    : withVectorIndex(
        target,
        k,
        (ready) =>
          sql`SELECT id, ${distance} AS distance FROM ${table(target)}${where(ready, filter)} ORDER BY ${distance} LIMIT ${k}`,
      );
  return sql`SELECT id, distance, row_number() OVER (ORDER BY distance, id) AS rank FROM (${nearest}) AS nearest WHERE distance <> 'NaN'`;
}

/** From the embedding column to a query's vector. */
export function distanceTo(target: SearchTarget, vector: Vector): Sql {
  return sql`${identifier(target.embeddingColumn)} ${distanceSql(target.distance).operator} ${vectorText(vector)}::${raw(vectorTypeName(target.storage))}`;
}

/** Rows `(id, bm25, rank)` of the documents with any of the query's terms. The score is negative here: lower is better. */
export function keywordArm(target: SearchTarget, arm: KeywordArm): Sql {
  const best =
    target.keywordEngine === "bm25"
      ? bestByBm25(target, arm)
      : bestByFullText(target, arm, { table: table(target), where });
  return sql`SELECT id, bm25, row_number() OVER (ORDER BY bm25, id) AS rank FROM (${best}) AS best WHERE bm25 < 0`;
}

function bestByBm25(target: SearchTarget, { query, k, filter }: KeywordArm): Sql {
  const score = sql`content <@> to_bm25query(${query}, ${quotedName(target.schema, target.keywordIndex)})`;
  return sql`SELECT id, ${score} AS bm25 FROM ${table(target)}${where(filter)} ORDER BY ${score} LIMIT ${k}`;
}

/** Whether a vector index could have answered, so that a short answer may be the index's fault. */
export function approximate(target: SearchTarget, exact: boolean): Sql {
  if (exact) return sql`false`;
  // Whoever owns an attached table makes and drops its indexes; of a distributed one, the question would be put to its nodes.
  if (target.source !== undefined || target.isDistributed) return sql`true`;
  return sql`to_regclass(${quotedName(target.schema, target.vectorIndex)}) IS NOT NULL`;
}

/** What statements call a table that is not one of ours. */
export const ATTACHED = "attached";

export function table({ schema, table, source }: SearchTarget): Sql {
  return source === undefined ? identifier(schema, table) : identifier(ATTACHED);
}

/** The settings that a search for `k` documents needs and that its statement does not make itself. */
export function searchSettings(target: SearchTarget, k: number): Readonly<Record<string, string>> | undefined {
  if (!target.isDistributed) return undefined;
  const { efSearch, iterativeScan } = vectorScan(target, k);
  const iterate = iterativeScan === undefined ? {} : { "hnsw.iterative_scan": iterativeScan };
  return { "hnsw.ef_search": efSearch, ...iterate };
}

function vectorScan({ iterativeScan }: SearchTarget, k: number) {
  return {
    // Twice the candidates for recall; the setting's range is 1..1000, and the iterative scan goes on from there.
    efSearch: String(Math.min(1000, Math.max(64, 2 * k))),
    iterativeScan: iterativeScan ? "relaxed_order" : undefined,
  };
}

/**
 * Settings and search in one statement. The settings must be evaluated before the index scan starts, which only a
 * materialised CTE that the scan depends on guarantees; they last until the statement's transaction ends.
 */
function withVectorIndex(target: SearchTarget, k: number, scan: (ready: Sql | undefined) => Sql): Sql {
  // Joined with another table expression, the scan's LIMIT would not be handed down to the shards.
  if (target.isDistributed) return scan(undefined);
  const { efSearch, iterativeScan } = vectorScan(target, k);
  const iterate =
    iterativeScan === undefined ? empty : sql` || set_config('hnsw.iterative_scan', 'relaxed_order', true)`;
  const settings = sql`SELECT set_config('hnsw.ef_search', ${efSearch}, true)${iterate}${listScan(target)} AS ready`;
  return sql`WITH settings AS MATERIALIZED (${settings}) SELECT scan.id, scan.distance FROM settings CROSS JOIN LATERAL (${scan(sql`settings.ready IS NOT NULL`)}) AS scan`;
}

/**
 * Indexes of our own are HNSW; an attached table may have an IVFFlat one. Of its lists as many are read as pgvector's
 * documentation recommends to begin with, the square root of their number, and where pgvector can, the scan goes on from there.
 */
function listScan({ source, schema, table, iterativeScan }: SearchTarget): Sql {
  if (source === undefined) return empty;
  const lists = sql`SELECT max(substr(option, 7)::int) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam CROSS JOIN unnest(coalesce(c.reloptions, ARRAY['lists=100'])) AS option WHERE i.indrelid = to_regclass(${quotedName(schema, table)}) AND a.amname = 'ivfflat' AND option LIKE 'lists=%'`;
  const probes = sql` || set_config('ivfflat.probes', greatest(${MIN_PROBES}, ceil(sqrt((${lists}))))::text, true)`;
  return iterativeScan ? sql`${probes} || set_config('ivfflat.iterative_scan', 'relaxed_order', true)` : probes;
}

/** Also for a view, whose indexes are its tables'. */
const MIN_PROBES = 10;

export function where(...conditions: readonly (Sql | undefined)[]): Sql {
  const given = conditions.filter((condition) => condition !== undefined);
  const [first, ...rest] = given;
  return first === undefined ? empty : rest.reduce((all, next) => sql`${all} AND ${next}`, sql` WHERE ${first}`);
}

function vectorText(vector: Vector): string {
  return `[${vector.join(",")}]`;
}
