import sql, { type Sql } from "sql-template-tag";
import type { Capabilities, Database, Queryable } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";
import { lockForMigration } from "./migration-lock.ts";

const MIN_POSTGRES = 15;
const MIN_VECTOR = "0.7";
const ITERATIVE_SCAN_SINCE = "0.8";

const CREATE: Readonly<Record<string, Sql>> = {
  vector: sql`CREATE EXTENSION IF NOT EXISTS vector`,
  pg_trgm: sql`CREATE EXTENSION IF NOT EXISTS pg_trgm`,
  pg_textsearch: sql`CREATE EXTENSION IF NOT EXISTS pg_textsearch`,
};
const NAMES = Object.keys(CREATE);

interface ExtensionRow {
  readonly name: string;
  readonly installed: string | null;
  /** `server_version_num`: 150018 is 15.18. */
  readonly postgres: number;
}

/** Makes the extensions that are there but not yet made, and tells what the database can do with them. */
export async function prepareExtensions(database: Database, place: "embedded" | "server"): Promise<Capabilities> {
  const rows = await readExtensions(database);
  if (place === "embedded") requireAll(rows);
  else requireServer(rows);
  if (rows.some(({ name, installed }) => installed === null && name in CREATE)) await createMissing(database, place);
  return capabilitiesOf(await readExtensions(database), place);
}

async function readExtensions(database: Queryable): Promise<ExtensionRow[]> {
  return database.query<ExtensionRow>(
    sql`SELECT name, installed_version AS installed, current_setting('server_version_num')::int AS postgres
      FROM pg_available_extensions WHERE name = ANY(${[...NAMES, "citus"]}::text[])`,
  );
}

function requireAll(rows: readonly ExtensionRow[]): void {
  const missing = NAMES.filter((name) => !rows.some((row) => row.name === name));
  if (missing.length === 0) return;
  throw missingDependency(
    `The database lacks the extension ${missing.join(", ")}. A PGlite of your own needs ` +
      "`extensions: { vector, pg_trgm, pg_textsearch }` from @electric-sql/pglite-pgvector, " +
      "@electric-sql/pglite/contrib/pg_trgm and @electric-sql/pglite-pg_textsearch.",
  );
}

const READY_SERVER =
  "A server that has everything: docker run -p 5432:5432 -e POSTGRES_PASSWORD=secret pgvector/pgvector:pg17";

function requireServer(rows: readonly ExtensionRow[]): void {
  const vector = rows.find(({ name }) => name === "vector");
  if (vector === undefined) {
    throw missingDependency(
      `The server lacks the extension pgvector. Install it there (https://github.com/pgvector/pgvector). ${READY_SERVER}`,
    );
  }
  if (vector.postgres < MIN_POSTGRES * 10_000) {
    throw missingDependency(
      `PostgreSQL ${MIN_POSTGRES} or newer is needed; this server is ${Math.floor(vector.postgres / 10_000)}. ${READY_SERVER}`,
    );
  }
  if (vector.installed !== null && !isAtLeast(vector.installed, MIN_VECTOR)) {
    throw missingDependency(
      `pgvector ${MIN_VECTOR} or newer is needed; this database has ${vector.installed}. ` +
        "Install a newer one on the server and run: ALTER EXTENSION vector UPDATE;",
    );
  }
}

async function createMissing(database: Database, place: "embedded" | "server"): Promise<void> {
  await database.transaction(async (transaction) => {
    await lockForMigration(transaction);
    for (const { name, installed } of await readExtensions(transaction)) {
      const create = CREATE[name];
      if (installed !== null || create === undefined) continue;
      if (place === "embedded") await transaction.query(create);
      else if (name === "vector") await createVector(transaction, create);
      else await createIfAllowed(transaction, create);
    }
  });
}

async function createVector(transaction: Queryable, create: Sql): Promise<void> {
  try {
    await transaction.query(create);
  } catch (cause) {
    throw missingDependency(
      "The extension pgvector is on the server but not in this database, and this role may not create it there. " +
        "Let a superuser run once: CREATE EXTENSION vector;",
      cause,
    );
  }
}

/** The others only add to what can be done: without the right to make them, or the server's setting that they need, it goes on. */
async function createIfAllowed(transaction: Queryable, create: Sql): Promise<void> {
  await transaction.query(sql`SAVEPOINT extension`);
  await transaction.query(create).catch(() => transaction.query(sql`ROLLBACK TO SAVEPOINT extension`));
  await transaction.query(sql`RELEASE SAVEPOINT extension`);
}

function capabilitiesOf(rows: readonly ExtensionRow[], place: "embedded" | "server"): Capabilities {
  const versionOf = (name: string) => rows.find((row) => row.name === name)?.installed ?? undefined;
  const vector = versionOf("vector");
  if (vector !== undefined && !isAtLeast(vector, MIN_VECTOR)) {
    throw missingDependency(`pgvector ${MIN_VECTOR} or newer is needed; the server's is ${vector}. ${READY_SERVER}`);
  }
  return {
    embedded: place === "embedded",
    bm25: versionOf("pg_textsearch") !== undefined,
    trigram: versionOf("pg_trgm") !== undefined,
    iterativeScan: vector !== undefined && isAtLeast(vector, ITERATIVE_SCAN_SINCE),
    citus: versionOf("citus") !== undefined,
  };
}

/** Of two dotted versions, whether the first is the second or newer. */
function isAtLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split(".").map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

function missingDependency(message: string, cause?: unknown): PgVectorDBError {
  return new PgVectorDBError("missing_dependency", message, cause === undefined ? {} : { cause });
}
