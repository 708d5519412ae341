import sql, { type Sql } from "sql-template-tag";
import type { Database } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";

/** Everything of ours lives in one Postgres schema. */
export const SCHEMA = "pgvectordb";

const EXTENSIONS = ["vector", "pg_trgm", "pg_textsearch"];

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
];

/** @throws PgVectorDBError `database_error` when a newer version of this library has written the database */
export async function migrate(database: Database): Promise<void> {
  await requireExtensions(database);
  await database.transaction(async (transaction) => {
    await transaction.query(sql`CREATE SCHEMA IF NOT EXISTS pgvectordb`);
    await transaction.query(sql`CREATE TABLE IF NOT EXISTS pgvectordb.schema_version (version integer NOT NULL)`);
    const [row] = await transaction.query<{ version: number }>(sql`SELECT version FROM pgvectordb.schema_version`);
    const version = row?.version ?? 0;
    if (version > migrations.length) {
      throw new PgVectorDBError(
        "database_error",
        `A newer pgvectordb has written this database: its schema has version ${version}, this pgvectordb knows ` +
          `${migrations.length}. Update the package "pgvectordb".`,
      );
    }
    if (version === migrations.length) return;
    for (const statement of migrations.slice(version).flat()) await transaction.query(statement);
    await transaction.query(sql`DELETE FROM pgvectordb.schema_version`);
    await transaction.query(sql`INSERT INTO pgvectordb.schema_version VALUES (${migrations.length})`);
  });
}

async function requireExtensions(database: Database): Promise<void> {
  const rows = await database.query<{ name: string; installed: boolean }>(
    sql`SELECT name, installed_version IS NOT NULL AS installed FROM pg_available_extensions WHERE name = ANY(${EXTENSIONS})`,
  );
  const missing = EXTENSIONS.filter((name) => !rows.some((row) => row.name === name));
  if (missing.length > 0) {
    throw new PgVectorDBError(
      "missing_dependency",
      `The database lacks the extension ${missing.join(", ")}. A PGlite of your own needs ` +
        "`extensions: { vector, pg_trgm, pg_textsearch }` from @electric-sql/pglite-pgvector, " +
        "@electric-sql/pglite/contrib/pg_trgm and @electric-sql/pglite-pg_textsearch.",
    );
  }
  const absent = rows.filter((row) => !row.installed).map((row) => row.name);
  if (absent.includes("vector")) await database.query(sql`CREATE EXTENSION IF NOT EXISTS vector`);
  if (absent.includes("pg_trgm")) await database.query(sql`CREATE EXTENSION IF NOT EXISTS pg_trgm`);
  if (absent.includes("pg_textsearch")) await database.query(sql`CREATE EXTENSION IF NOT EXISTS pg_textsearch`);
}
