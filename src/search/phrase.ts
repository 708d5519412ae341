import sql, { type Sql } from "sql-template-tag";
import { identifier, textLiteral } from "./identifier.ts";
import type { SearchTarget } from "./search-target.ts";

/** Characters that `pgvectordb.has_phrase` parses at once: far below where a `tsvector` is full (1 MiB, or 16,383 words). */
const WINDOW = 50_000;

/** Whether `content` has the query's words side by side, in its order, stemmed by the collection's language. */
export function hasPhrase(target: SearchTarget, query: string): Sql {
  const language = sql`${textLiteral(target.language)}::regconfig`;
  // A function, because Citus does not take a subquery over a function to its nodes.
  const inWindows = sql`pgvectordb.has_phrase(${language}, content, ${query})`;
  if (target.keywordEngine === "bm25") return inWindows;
  // The index gives the documents with all of the words.
  const terms = identifier(target.termsColumn);
  return sql`${terms} @@ plainto_tsquery(${language}, ${query}) AND CASE WHEN length(content) <= ${WINDOW}::int THEN ${terms} @@ phraseto_tsquery(${language}, ${query}) ELSE ${inWindows} END`;
}
