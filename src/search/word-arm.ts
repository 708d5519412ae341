import sql, { type Sql } from "sql-template-tag";
import { table, where } from "./arms.ts";
import { identifier } from "./identifier.ts";
import type { SearchTarget } from "./search-target.ts";
import { THRESHOLD, type TrigramArm } from "./trigram-arm.ts";

/** How far a search by words looks. */
export interface WordReach {
  /** For each word of the query, documents with the words that are most alike: this many, and those that are no less alike. */
  readonly perWord: number;
  /** How many of them are compared with the whole query; all documents where there are no more. */
  readonly compared: number;
}

/** The documents' words as an index has them. Compared byte by byte, which is several times faster to sort. */
export const WORDS = sql`(pgvectordb.words_of(content) COLLATE "C")`;

/**
 * Rows `(id, similarity, rank, partial)` as the trigram arm has them, of documents that are found by their words: each word of the
 * query looks for those that are alike among all words there are, and these for their documents. Of those the most promising
 * are compared with the query. A document promises the sum of what its words have in common with those of the query.
 */
export function wordArm(
  target: SearchTarget & { readonly vocabulary: string },
  arm: TrigramArm,
  { perWord, compared }: WordReach,
): Sql {
  const { query, k, filter, minSimilarity } = arm;
  const documents = table(target);
  const settings = sql`SELECT set_config(${THRESHOLD}, ${String(minSimilarity)}, true) AS ready`;
  // Behind a filter that lets few through, going through all documents with a word takes longer than comparing the few.
  const few = sql`SELECT id FROM ${documents}${where(filter)} LIMIT ${compared + 1}`;
  const tooMany = sql`SELECT count(*) > ${compared} AS yes FROM few`;
  const promising = promisingDocuments(target, arm, { perWord, compared });
  const candidates = sql`SELECT id FROM (${promising}) AS promising UNION ALL SELECT id FROM few, too_many WHERE NOT too_many.yes`;
  const compare = sql`SELECT id, word_similarity(${query}, content) AS similarity FROM ${documents} JOIN candidates USING (id) OFFSET 0`;
  const best = sql`SELECT id, similarity FROM (${compare}) AS compared WHERE similarity >= ${minSimilarity}::float8 ORDER BY similarity DESC, id LIMIT ${k}`;
  return sql`WITH settings AS MATERIALIZED (${settings}), few AS MATERIALIZED (${few}), too_many AS MATERIALIZED (${tooMany}), asked AS MATERIALIZED (${askedWords(arm)}), candidates AS MATERIALIZED (${candidates}) SELECT id, similarity, row_number() OVER (ORDER BY similarity DESC, id) AS rank, too_many.yes AS partial FROM (${best}) AS best, too_many`;
}

/**
 * The query's words, and how many trigrams each has. The short ones, which are in nearly every text, are left out as long as a
 * text without any of the others cannot be alike enough.
 */
function askedWords({ query, minSimilarity }: TrigramArm): Sql {
  const sizes = sql`SELECT word, cardinality(show_trgm(word)) AS size FROM (SELECT DISTINCT unnest(pgvectordb.words_of(${query})) AS word) AS words WHERE word <> ''`;
  const sums = sql`SELECT word, size, sum(size) OVER (ORDER BY size, word) AS up_to_it, sum(size) OVER () AS total FROM (${sizes}) AS sizes`;
  return sql`SELECT word, size FROM settings, too_many, (${sums}) AS sums WHERE settings.ready IS NOT NULL AND too_many.yes AND up_to_it >= ${minSimilarity}::float8 * total`;
}

/** Rows `(id)`, by what is in `asked`. */
function promisingDocuments(
  target: SearchTarget & { readonly vocabulary: string },
  { filter }: TrigramArm,
  { perWord, compared }: WordReach,
): Sql {
  const vocabulary = identifier(target.schema, target.vocabulary);
  // A word may be there twice.
  const alike = sql`SELECT DISTINCT v.word, word_similarity(asked.word, v.word) AS similarity FROM ${vocabulary} AS v WHERE v.word %> asked.word ORDER BY similarity DESC, word`;
  // `OFFSET 0`: one word's documents after the other's, as long as more are wanted. A join of the planner's choice finds all first.
  const containing = sql`SELECT id FROM ${table(target)}${where(sql`${WORDS} @> ARRAY[alike.word]`, filter)} OFFSET 0`;
  const found = sql`SELECT containing.id, alike.similarity FROM (${alike}) AS alike CROSS JOIN LATERAL (${containing}) AS containing ORDER BY alike.similarity DESC FETCH FIRST ${perWord} ROWS WITH TIES`;
  const byWord = sql`SELECT found.id, asked.size * max(found.similarity) AS best, asked.size * sum(found.similarity) AS every FROM asked CROSS JOIN LATERAL (${found}) AS found GROUP BY found.id, asked.word, asked.size`;
  return sql`SELECT id FROM (${byWord}) AS by_word GROUP BY id ORDER BY sum(best) DESC, sum(every) DESC, id LIMIT ${compared}`;
}
