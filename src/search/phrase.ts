import sql, { type Sql } from "sql-template-tag";
import type { SearchTarget } from "./search-target.ts";

/** Characters of a text that are parsed at once: far below where a `tsvector` is full (1 MiB, or 16,383 words). */
const WINDOW = 50_000;
/** Windows overlap by more than any phrase is long. */
const STEP = 40_000;

/** Whether `content` has the query's words side by side, in its order, stemmed by the collection's language. */
export function hasPhrase({ language }: SearchTarget, query: string): Sql {
  const window = sql`substr(content, part * ${STEP}::int + 1, ${WINDOW}::int)`;
  return sql`EXISTS (SELECT FROM generate_series(0, length(content) / ${STEP}::int) AS part WHERE to_tsvector(${language}::regconfig, ${window}) @@ phraseto_tsquery(${language}::regconfig, ${query}))`;
}
