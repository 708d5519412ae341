import sql, { type Sql } from "sql-template-tag";
import type { KeywordArm } from "./arms.ts";
import { identifier, quotedName, textLiteral } from "./identifier.ts";
import type { SearchTarget } from "./search-target.ts";

/** How many of the best documents by frequency alone are weighed by the rarity of their terms. */
const MIN_WEIGHED = 1000;

/**
 * How well the terms match: more terms, and more of each with ever less to gain, in a shorter text. `ts_rank_cd`, which looks at
 * how near the terms are to each other, is made for queries that ask for all of them: for any of them its ranking is far worse.
 */
export function fullTextRank(target: SearchTarget, query: string): Sql {
  return sql`ts_rank(${identifier(target.termsColumn)}, ${anyTerm(target, query)}, 1)`;
}

/** Rows `(id, bm25)` of the best `k`, whose scores are negative. */
export function bestByFullText(
  target: SearchTarget,
  { query, k, filter }: KeywordArm,
  { table, where }: { readonly table: Sql; readonly where: (...conditions: (Sql | undefined)[]) => Sql },
): Sql {
  const terms = identifier(target.termsColumn);
  const matching = where(sql`${terms} @@ ${anyTerm(target, query)}`, filter);
  // The coordinator has no statistics of what lies on its nodes.
  if (target.isDistributed) {
    return sql`SELECT id, 0 - ${fullTextRank(target, query)} AS bm25 FROM ${table}${matching} ORDER BY bm25, id LIMIT ${k}`;
  }
  const first = sql`SELECT id, ${terms} FROM ${table}${matching} ORDER BY ${fullTextRank(target, query)} DESC, id LIMIT ${Math.max(MIN_WEIGHED, 2 * k)}`;
  // Rare terms count more, as in BM25. `ts_rank` knows nothing of other documents; the planner's statistics do.
  const weights = sql`SELECT term, weight FROM ${termWeights(target, query)}`;
  const weighed = sql`SELECT sum(w.weight * ts_rank(first.${terms}, w.term, 1)) FROM weights AS w`;
  return sql`WITH weights AS MATERIALIZED (${weights}) SELECT id, 0 - (${weighed}) AS bm25 FROM (${first}) AS first ORDER BY bm25, id LIMIT ${k}`;
}

/** The score of `bestByFullText`, above 0, for a row that is at hand: null without any of the terms. */
export function weighedFullTextRank(target: SearchTarget, query: string): Sql {
  return sql`(SELECT sum(w.weight * ts_rank(${identifier(target.termsColumn)}, w.term, 1)) FROM ${termWeights(target, query)} AS w)`;
}

function termWeights(target: SearchTarget, query: string): Sql {
  return sql`pgvectordb.term_weights(${languageOf(target)}, ${query}, ${statisticsOf(target)})`;
}

/** A constant before the plan is made, so that the index is chosen by how many documents have the terms. */
function anyTerm(target: SearchTarget, query: string): Sql {
  return sql`pgvectordb.any_term(${languageOf(target)}, ${query})`;
}

function languageOf({ language }: SearchTarget): Sql {
  return sql`${textLiteral(language)}::regconfig`;
}

/** Where `ANALYZE` leaves what it knows of the terms: at their column, or at the index on their expression. */
function statisticsOf({ schema, table, termsColumn, source }: SearchTarget): Sql {
  return sql`to_regclass(${quotedName(schema, table)}), ${source === undefined ? termsColumn : "text_terms"}::name`;
}
