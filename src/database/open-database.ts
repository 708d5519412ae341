import { fileURLToPath } from "node:url";
import type { Database, OpenDatabase } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";
import { openFolder } from "./folder-database.ts";
import { GivenPGlite, type PGliteLike } from "./given-pglite.ts";
import { givenPool, openServer } from "./open-server.ts";
import { migrate } from "./schema.ts";
import type { PoolLike } from "./server-database.ts";
import { WorkerDatabase } from "./worker-database.ts";

export type DatabaseSource =
  | {
      /** A folder (`./data`, `file:///…`), made when absent; `memory://`; or a server, `postgres://user@host:5432/database`. */
      readonly url: string;
      readonly pool?: undefined;
      readonly pglite?: undefined;
    }
  | {
      /** Your own Pool of the package `pg`; it stays yours to end. */
      readonly pool: PoolLike;
      readonly url?: undefined;
      readonly pglite?: undefined;
    }
  | {
      /** Your own PGlite with the extensions `vector`, `pg_trgm` and `pg_textsearch`; it stays yours to close. */
      readonly pglite: PGliteLike;
      readonly url?: undefined;
      readonly pool?: undefined;
    };

/** Opens a database and brings its schema up to date. */
export async function openDatabase(source: DatabaseSource): Promise<OpenDatabase> {
  const { url, pool, pglite } = source;
  if ([url, pool, pglite].filter((given) => given !== undefined).length > 1) {
    throw invalid("Pass one of `url`, `pool` and `pglite`, not both.");
  }
  if (pool !== undefined) return bringUpToDate(givenPool(pool), "server");
  if (pglite !== undefined) return bringUpToDate(givenPGlite(pglite), "embedded");
  const address = checkUrl(url);
  if (isServerUrl(address)) return bringUpToDate(await openServer(address), "server");
  return bringUpToDate(await openEmbedded(address), "embedded");
}

async function bringUpToDate(database: Database, place: "embedded" | "server"): Promise<OpenDatabase> {
  try {
    const capabilities = await migrate(database, place);
    return {
      capabilities,
      connections: database.connections,
      query: (statement, options) => database.query(statement, options),
      transaction: (work, options) => database.transaction(work, options),
      ...sessionOf(database),
      close: () => database.close(),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

function sessionOf(database: Database): Pick<Database, "session"> {
  return database.session === undefined ? {} : { session: database.session.bind(database) };
}

const URL_ADVICE =
  '`url` must be a folder such as "./data", "memory://", or a server: "postgres://user@host:5432/database".';

function checkUrl(url: unknown): string {
  if (typeof url !== "string" || url.trim() === "" || url.includes("\0")) throw invalid(URL_ADVICE);
  return url;
}

/** `C:\data` has none. Ours are known without their slashes too: `memory:` is not meant to be a folder of that name. */
function schemeOf(url: string): string | undefined {
  return /^(?:([a-z][a-z0-9+.-]+):\/\/|(memory|postgres|postgresql):)/i
    .exec(url)
    ?.slice(1)
    .find(Boolean)
    ?.toLowerCase();
}

function isServerUrl(url: string): boolean {
  return /^postgres(?:ql)?:\/\//i.test(url);
}

async function openEmbedded(url: string): Promise<Database> {
  if (url === "memory://") return WorkerDatabase.open(undefined);
  if (url.startsWith("file:")) return openFolder(fromFileUrl(url));
  const scheme = schemeOf(url);
  if (scheme !== undefined)
    throw invalid(`\`url\` has the scheme "${scheme}:", which is unknown or lacks its slashes. ${URL_ADVICE}`);
  return openFolder(url);
}

function givenPGlite(pglite: unknown): Database {
  const { query, transaction } = (pglite ?? {}) as Partial<PGliteLike>;
  if (typeof query !== "function" || typeof transaction !== "function") {
    throw invalid("`pglite` must be a PGlite.");
  }
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
