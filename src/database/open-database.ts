import { fileURLToPath } from "node:url";
import type { Database } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";
import { openFolder } from "./folder-database.ts";
import { GivenPGlite, type PGliteLike } from "./given-pglite.ts";
import { migrate } from "./schema.ts";
import { WorkerDatabase } from "./worker-database.ts";

export type DatabaseSource =
  | {
      /** A folder (`./data`, `file:///…`), made when absent, or `memory://`. */
      readonly url: string;
      readonly pglite?: undefined;
    }
  | {
      /** Your own PGlite with the extensions `vector`, `pg_trgm` and `pg_textsearch`; it stays yours to close. */
      readonly pglite: PGliteLike;
      readonly url?: undefined;
    };

/** Opens a database and brings its schema up to date. */
export async function openDatabase({ url, pglite }: DatabaseSource): Promise<Database> {
  const database = pglite === undefined ? await openUrl(url) : givenPGlite(pglite, url);
  try {
    await migrate(database);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function openUrl(url: unknown): Promise<Database> {
  if (typeof url !== "string" || url.trim() === "" || url.includes("\0")) {
    throw invalid('`url` must be a folder such as "./data", or "memory://".');
  }
  if (url === "memory://") return WorkerDatabase.open(undefined);
  if (url.startsWith("file:")) return openFolder(fromFileUrl(url));
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (scheme === "postgres" || scheme === "postgresql") {
    throw invalid(
      '`url`: Postgres servers are not yet in this version. Use a folder such as "./data", or "memory://".',
    );
  }
  if (scheme !== undefined) {
    throw invalid(`\`url\` has the unknown scheme "${scheme}:". Use a folder such as "./data", or "memory://".`);
  }
  return openFolder(url);
}

function givenPGlite(pglite: unknown, url: unknown): Database {
  const { query, transaction } = (pglite ?? {}) as Partial<PGliteLike>;
  if (typeof query !== "function" || typeof transaction !== "function") {
    throw invalid("`pglite` must be a PGlite.");
  }
  if (url !== undefined) throw invalid("Pass `url` or `pglite`, not both.");
  return new GivenPGlite(pglite as PGliteLike);
}

function fromFileUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw invalid('`url` is not a usable file URL; write it as "file:///absolute/folder".');
  }
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
