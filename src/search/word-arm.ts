import sql, { type Sql } from "sql-template-tag";
import { table, where } from "./arms.ts";
import { identifier } from "./identifier.ts";
import type { SearchTarget } from "./search-target.ts";
import { THRESHOLD, type TrigramArm } from "./trigram-arm.ts";

/** How far a search by words looks. */
export interface WordReach {
  /** For each word of the query, documents with the words that are most alike: this many, and those that are no less alike. */
  readonly perWord: number;
  /** How many of them are compared with the whole query. */
  readonly compared: number;
  /** Whether there are others compared, with no such word, when there are fewer than that. */
  readonly others: boolean;
}

/** The documents' words as an index has them. Compared byte by byte, which is several times faster to sort. */
export const WORDS = sql`(pgvectordb.words_of(content) COLLATE "C")`;

/**
 * Rows `(id, similarity, rank)` as the trigram arm has them, of documents that are found by their words: each word of the query
 * looks for those that are alike among all words there are, and these for their documents. Of those the most promising are
 * compared with the query.
 *
 * A document promises the sum of what its words have in common with those of the query.
 */
export function wordArm(
  target: SearchTarget & { readonly vocabulary: string },
  { query, k, filter, minSimilarity }: TrigramArm,
  { perWord, compared, others }: WordReach,
): Sql {
  const documents = table(target);
  const settings = sql`SELECT set_config(${THRESHOLD}, ${String(minSimilarity)}, true) AS ready`;
  // A text without any of the longest words cannot be alike enough: the short ones, which are in every text, are left out.
  const sizes = sql`SELECT word, cardinality(show_trgm(word)) AS size FROM (SELECT DISTINCT unnest(pgvectordb.words_of(${query})) AS word) AS words WHERE word <> ''`;
  const sums = sql`SELECT word, size, sum(size) OVER (ORDER BY size, word) AS shortest, sum(size) OVER () AS total FROM (${sizes}) AS sizes`;
  const asked = sql`SELECT word, size FROM settings, (${sums}) AS sums WHERE settings.ready IS NOT NULL AND shortest >= ${minSimilarity}::float8 * total`;
  const alike = sql`SELECT DISTINCT word, word_similarity(asked.word, v.word) AS similarity FROM ${identifier(target.schema, target.vocabulary)} AS v WHERE v.word %> asked.word ORDER BY similarity DESC, word`;
  // One word's documents after the other's, as long as more are wanted: joined by a plan of the planner's choice, all come first.
  const containing = sql`SELECT id FROM ${documents}${where(sql`${WORDS} @> ARRAY[alike.word]`, filter)} OFFSET 0`;
  const found = sql`SELECT containing.id, alike.similarity FROM (${alike}) AS alike CROSS JOIN LATERAL (${containing}) AS containing ORDER BY alike.similarity DESC FETCH FIRST ${perWord} ROWS WITH TIES`;
  const byWord = sql`SELECT found.id, asked.word, asked.size * max(found.similarity) AS best, asked.size * sum(found.similarity) AS every FROM asked CROSS JOIN LATERAL (${found}) AS found GROUP BY found.id, asked.word, asked.size`;
  const promising = sql`SELECT id, sum(best) AS best, sum(every) AS every FROM (${byWord}) AS by_word GROUP BY id ORDER BY best DESC, every DESC, id LIMIT ${compared}`;
  const candidates = others
    ? sql`SELECT id FROM (SELECT id, best, every FROM (${promising}) AS promising UNION ALL (SELECT id, 0, 0 FROM ${documents}${where(filter)} LIMIT ${compared})) AS all_of_them GROUP BY id ORDER BY max(best) DESC, max(every) DESC, id LIMIT ${compared}`
    : sql`SELECT id FROM (${promising}) AS promising`;
  const similar = sql`SELECT id, word_similarity(${query}, content) AS similarity FROM ${documents} JOIN candidates USING (id) OFFSET 0`;
  return sql`WITH settings AS MATERIALIZED (${settings}), asked AS MATERIALIZED (${asked}), candidates AS MATERIALIZED (${candidates}) SELECT id, similarity, row_number() OVER (ORDER BY similarity DESC, id) AS rank FROM (SELECT id, similarity FROM (${similar}) AS similar_texts WHERE similarity >= ${minSimilarity}::float8 ORDER BY similarity DESC, id LIMIT ${k}) AS similar_words`;
}
