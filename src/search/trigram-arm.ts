import sql, { type Sql } from "sql-template-tag";
import { table, where } from "./arms.ts";
import type { SearchTarget } from "./search-target.ts";

export interface TrigramArm {
  readonly query: string;
  readonly k: number;
  readonly filter: Sql | undefined;
  readonly minSimilarity: number;
}

/** The setting that `%>` and its index go by. */
export const THRESHOLD = "pg_trgm.word_similarity_threshold";

/**
 * Rows `(id, similarity, rank, partial)` of the documents in which some stretch of words shares most trigrams with the query. The
 * threshold that the index reads is set before its scan starts, as in the semantic arm.
 */
export function trigramArm(target: SearchTarget, { query, k, filter, minSimilarity }: TrigramArm): Sql {
  const scan = (ready: Sql | undefined) =>
    sql`SELECT id, word_similarity(${query}, content) AS similarity FROM ${table(target)}${where(ready, sql`content %> ${query}`, filter)} ORDER BY similarity DESC, id LIMIT ${k}`;
  const similar = target.isDistributed
    ? scan(undefined)
    : sql`WITH settings AS MATERIALIZED (SELECT set_config(${THRESHOLD}, ${String(minSimilarity)}, true) AS ready) SELECT scan.id, scan.similarity FROM settings CROSS JOIN LATERAL (${scan(sql`settings.ready IS NOT NULL`)}) AS scan`;
  return sql`SELECT id, similarity, row_number() OVER (ORDER BY similarity DESC, id) AS rank, NULL::boolean AS partial FROM (${similar}) AS similar_words`;
}

/** The settings that the arm needs and does not make itself. */
export function trigramSettings(
  target: SearchTarget,
  minSimilarity: number,
): Readonly<Record<string, string>> | undefined {
  return target.isDistributed ? { [THRESHOLD]: String(minSimilarity) } : undefined;
}
