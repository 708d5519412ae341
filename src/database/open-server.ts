import type { Database } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";
import { importOptional } from "../import-optional.ts";
import { type PoolLike, ServerDatabase } from "./server-database.ts";

/** How long a statement waits for a connection: for one of the pool to become free, or for the server to answer. */
const CONNECTION_TIMEOUT_MS = 30_000;

/** A pool of our own. `url` may hold everything that libpq's does: `?sslmode=require`, `?options=…`. */
export async function openServer(url: string): Promise<Database> {
  const { default: pg } = await importOptional("pg", () => import("pg"), {
    neededFor: "A Postgres server",
    install: "npm install pg",
  });
  // A pool reads its URL with every connection that it makes: a bad one is found here.
  refuseBadUrl(() => new pg.Client({ connectionString: url }));
  const pool = new pg.Pool({
    connectionString: url,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    fallback_application_name: "pgvectordb",
    keepAlive: true,
  });
  // An idle connection that breaks leaves the pool by itself, and the next statement gets another one.
  pool.on("error", () => {});
  return new ServerDatabase(pool, () => pool.end());
}

/** The caller's pool, which stays the caller's to end. */
export function givenPool(pool: unknown): Database {
  if (typeof (pool as Partial<PoolLike> | null)?.connect !== "function") {
    throw new PgVectorDBError("invalid_argument", "`pool` must be a Pool of the package `pg`.");
  }
  return new ServerDatabase(pool as PoolLike, async () => {});
}

function refuseBadUrl(read: () => unknown): void {
  try {
    read();
  } catch {
    // Without its cause, which quotes the URL and so the password.
    throw new PgVectorDBError(
      "invalid_argument",
      "`url` is not a usable Postgres URL; write it as postgres://user:password@host:5432/database, special characters " +
        "of the password percent-encoded.",
    );
  }
}
