import sql, { type Sql } from "sql-template-tag";
import { identifier, textLiteral } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";

/** Kept beside the content by Postgres itself: ranking reads it, where computing it again would take far longer. */
export function termsColumn({ termsColumn, language }: SearchTarget): Sql {
  return sql`${identifier(termsColumn)} tsvector NOT NULL GENERATED ALWAYS AS (pgvectordb.text_terms(${textLiteral(language)}::regconfig, content)) STORED`;
}
