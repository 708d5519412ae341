import sql, { type Sql } from "sql-template-tag";
import { table, where } from "./arms.ts";
import type { SearchTarget } from "./search-target.ts";

export interface TrigramArm {
  readonly query: string;
  readonly k: number;
  readonly filter: Sql | undefined;
  readonly minSimilarity: number;
}

/**
 * Rows `(id, similarity, rank)` of the documents in which some stretch of words shares most trigrams with the query. The
 * threshold that the index reads is set before its scan starts, as in the semantic arm.
 */
export function trigramArm(target: SearchTarget, { query, k, filter, minSimilarity }: TrigramArm): Sql {
  const settings = sql`SELECT set_config('pg_trgm.word_similarity_threshold', ${String(minSimilarity)}, true) AS ready`;
  const scan = sql`SELECT id, word_similarity(${query}, content) AS similarity FROM ${table(target)}${where(sql`settings.ready IS NOT NULL`, sql`content %> ${query}`, filter)} ORDER BY similarity DESC, id LIMIT ${k}`;
  return sql`SELECT id, similarity, row_number() OVER (ORDER BY similarity DESC, id) AS rank FROM (WITH settings AS MATERIALIZED (${settings}) SELECT scan.id, scan.similarity FROM settings CROSS JOIN LATERAL (${scan}) AS scan) AS similar_words`;
}
