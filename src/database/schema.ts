import sql, { type Sql } from "sql-template-tag";
import type { Capabilities, Database, Queryable } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";
import { prepareExtensions } from "./extensions.ts";
import { lockForMigration } from "./migration-lock.ts";

/** Everything of ours lives in one Postgres schema. */
export const SCHEMA = "pgvectordb";

/** `migrations[i]` brings version `i` to `i + 1`. Published ones never change. */
const migrations: readonly (readonly Sql[])[] = [
  [
    sql`CREATE TABLE pgvectordb.collections (
      id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      name text COLLATE "C" NOT NULL UNIQUE,
      embedder text NOT NULL,
      dimensions integer NOT NULL,
      distance text NOT NULL,
      language text NOT NULL,
      generation integer NOT NULL DEFAULT 1,
      next_embedder text,
      next_dimensions integer,
      created_at timestamptz NOT NULL DEFAULT now()
    )`,
  ],
  [
    // A tsvector holds less than 1 MiB (54000 above): of a text with more terms than that, its beginning is indexed.
    sql`CREATE FUNCTION pgvectordb.text_terms(language regconfig, content text) RETURNS tsvector
      LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
      DECLARE characters integer;
      BEGIN
        IF octet_length(content) < 200000 THEN RETURN to_tsvector(language, content); END IF;
        characters := length(content);
        LOOP
          BEGIN
            RETURN to_tsvector(language, left(content, characters));
          EXCEPTION WHEN program_limit_exceeded THEN
            characters := characters / 2;
          END;
        END LOOP;
      END $$`,
    // Any of the query's terms, as Postgres' own parser finds them; null when it has none.
    sql`CREATE FUNCTION pgvectordb.any_term(language regconfig, query text) RETURNS tsquery
      LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT string_agg('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''', ' | ')::tsquery
        FROM unnest(pgvectordb.text_terms(language, query))
      $$`,
  ],
  [sql`ALTER TABLE pgvectordb.collections ADD COLUMN storage text NOT NULL DEFAULT 'float32'`],
  [
    // The instant that an ISO 8601 text stands for, in milliseconds since 1970; null for another text. Immutable, which
    // Postgres' own conversions from text are not, so that an index can hold it; one expression, so that it is inlined.
    sql`CREATE OR REPLACE FUNCTION pgvectordb.epoch_ms(value text) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
      CASE WHEN value ~ '^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?$' THEN
        (make_date(left(value, 4)::int, substr(value, 6, 2)::int, 1) - date '1970-01-01' + substr(value, 9, 2)::int - 1) * 86400000::float8
        + coalesce(nullif(substr(value, 12, 2), '')::int, 0) * 3600000
        + coalesce(nullif(substr(value, 15, 2), '')::int, 0) * 60000
        + coalesce(substring(value from '^.{16}:([0-9.]+)')::numeric, 0) * 1000
        - CASE WHEN length(value) <= 16 OR right(value, 1) = 'Z' THEN 0 ELSE
            coalesce((substring(substr(value, 17) from '[+-]') || '1')::int, 0)
            * (coalesce(substring(substr(value, 17) from '[+-]([0-9]{2})')::int, 0) * 3600000
              + coalesce(substring(substr(value, 17) from '[+-][0-9]{2}:?([0-9]{2})$')::int, 0) * 60000)
          END
      END`,
    sql`ALTER TABLE pgvectordb.collections ADD COLUMN spaces jsonb NOT NULL DEFAULT '[]'`,
  ],
  // null: the table is in one piece.
  [sql`ALTER TABLE pgvectordb.collections ADD COLUMN shards integer`],
  [
    // The query's terms with their inverse document frequency by what ANALYZE knows; all weigh 1 while it knows nothing.
    // In PL/pgSQL, which keeps its plan: making it takes longer than running it.
    sql`CREATE FUNCTION pgvectordb.term_weights(language regconfig, query text, relation regclass, terms_column name)
      RETURNS TABLE (term tsquery, weight float8) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
      BEGIN
        RETURN QUERY WITH statistics AS (
          SELECT s.most_common_elems::text::text[] AS elements, s.most_common_elem_freqs AS frequencies
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
          JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = terms_column
          WHERE c.oid = relation OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = relation)
          ORDER BY s.inherited DESC LIMIT 1
        ), known AS (
          SELECT element, frequency FROM statistics, unnest(elements, frequencies) AS e (element, frequency)
          WHERE element IS NOT NULL AND frequency > 0
        )
        SELECT ('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery, CASE WHEN rarest IS NULL THEN 1 ELSE greatest(0.05, 0 - ln(coalesce(frequency, rarest / 2))) END
        FROM unnest(pgvectordb.text_terms(language, query)) AS t
        LEFT JOIN known ON element = lexeme
        CROSS JOIN (SELECT min(frequency) AS rarest FROM known) AS least_known;
      END $$`,
  ],
  [
    // Whether a text of any length has a phrase: parsed in windows, which overlap by more than any phrase is long.
    sql`CREATE FUNCTION pgvectordb.has_phrase(language regconfig, content text, query text) RETURNS boolean
      LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
      DECLARE phrase tsquery := phraseto_tsquery(language, query);
      BEGIN
        FOR part IN 0 .. length(content) / 40000 LOOP
          IF to_tsvector(language, substr(content, part * 40000 + 1, 50000)) @@ phrase THEN RETURN true; END IF;
        END LOOP;
        RETURN false;
      END $$`,
    // Who moves the collection to another embedder, and until when that is believed without a sign of life.
    sql`ALTER TABLE pgvectordb.collections ADD COLUMN reembed_owner text, ADD COLUMN reembed_until timestamptz`,
  ],
  [
    // Runs of letters and digits without a space, as whole sentences of some scripts are, in pieces of 64 that overlap by 16:
    // an index takes no key of more than some 2,700 bytes.
    sql`CREATE FUNCTION pgvectordb.cut_words(words text[]) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT array_agg(substr(word, 48 * piece + 1, 64))
        FROM unnest(words) AS word, generate_series(0, greatest(0, length(word) - 17) / 48) AS piece
      $$`,
    // The words that pg_trgm sees. One expression without a subquery, and not strict, so that it is inlined, into an index too.
    sql`CREATE FUNCTION pgvectordb.words_of(content text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
      CASE WHEN content ~ '[[:alnum:]]{65}' THEN pgvectordb.cut_words(regexp_split_to_array(lower(content), '[^[:alnum:]]+'))
        ELSE regexp_split_to_array(lower(content), '[^[:alnum:]]+') END`,
  ],
];

/**
 * Brings the database up to date. Processes that open it at the same time take turns.
 *
 * @throws PgVectorDBError `missing_dependency` when the server or its pgvector is too old or absent; `database_error` when a
 * newer version of this library has written the database
 */
export async function migrate(database: Database, place: "embedded" | "server"): Promise<Capabilities> {
  const capabilities = await prepareExtensions(database, place);
  // Read first: what is up to date needs no right to change it.
  if (await isUpToDate(database)) return capabilities;
  await database.transaction(async (transaction) => {
    await lockForMigration(transaction);
    await transaction.query(sql`CREATE SCHEMA IF NOT EXISTS pgvectordb`);
    await transaction.query(sql`CREATE TABLE IF NOT EXISTS pgvectordb.schema_version (version integer NOT NULL)`);
    const version = await readVersion(transaction);
    if (version === migrations.length) return;
    for (const statement of migrations.slice(version).flat()) await transaction.query(statement);
    await transaction.query(sql`DELETE FROM pgvectordb.schema_version`);
    await transaction.query(sql`INSERT INTO pgvectordb.schema_version VALUES (${migrations.length})`);
  });
  return capabilities;
}

async function isUpToDate(database: Database): Promise<boolean> {
  const [row] = await database.query<{ exists: boolean }>(
    sql`SELECT to_regclass('pgvectordb.schema_version') IS NOT NULL AS exists`,
  );
  return row?.exists === true && (await readVersion(database)) === migrations.length;
}

async function readVersion(database: Queryable): Promise<number> {
  const [row] = await database.query<{ version: number }>(sql`SELECT version FROM pgvectordb.schema_version`);
  const version = row?.version ?? 0;
  if (version <= migrations.length) return version;
  throw new PgVectorDBError(
    "database_error",
    `A newer pgvectordb has written this database: its schema has version ${version}, this pgvectordb knows ` +
      `${migrations.length}. Update the package "pgvectordb".`,
  );
}
