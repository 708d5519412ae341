import sql, { type Sql } from "sql-template-tag";
import { identifier, textLiteral } from "./identifier.ts";
import type { SearchTarget } from "./search-target.ts";

/** Characters of a text that are parsed at once: far below where a `tsvector` is full (1 MiB, or 16,383 words). */
const WINDOW = 50_000;
/** Windows overlap by more than any phrase is long. */
const STEP = 40_000;

/** Whether `content` has the query's words side by side, in its order, stemmed by the collection's language. */
export function hasPhrase(target: SearchTarget, query: string): Sql {
  const language = sql`${textLiteral(target.language)}::regconfig`;
  const phrase = sql`phraseto_tsquery(${language}, ${query})`;
  const window = sql`substr(content, part * ${STEP}::int + 1, ${WINDOW}::int)`;
  const inWindows = sql`EXISTS (SELECT FROM generate_series(0, length(content) / ${STEP}::int) AS part WHERE to_tsvector(${language}, ${window}) @@ ${phrase})`;
  if (target.keywordEngine === "bm25") return inWindows;
  // The index gives the documents with all of the words.
  const terms = identifier(target.termsColumn);
  // Citus does not take a subquery over a function to its nodes.
  if (target.isDistributed) return sql`${terms} @@ ${phrase}`;
  return sql`${terms} @@ plainto_tsquery(${language}, ${query}) AND CASE WHEN length(content) <= ${WINDOW}::int THEN ${terms} @@ ${phrase} ELSE ${inWindows} END`;
}
