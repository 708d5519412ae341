import { randomUUID } from "node:crypto";
import { openDatabase } from "../src/database/open-database.ts";
import { PgVectorDB } from "../src/pgvectordb.ts";
import { newCitusDatabase } from "./citus-database.ts";
import { newDatabaseFolder, removeFolder } from "./database-template.ts";
import { runOnServer, type TestDatabase } from "./run-on-server.ts";

export { runOnServer, type TestDatabase };

/** A URL that `npm run test:postgres` sets. Absent: the tests run on the embedded database. */
export const SERVER_URL = process.env["PGVECTORDB_TEST_SERVER"];
/** The coordinator of a Citus cluster instead of a server. */
const CITUS_URL = process.env["PGVECTORDB_TEST_CITUS"];
export const isCitus = CITUS_URL !== undefined;
export const isServer = SERVER_URL !== undefined || isCitus;
/** How many pieces the tests' collections are in; absent: one. */
export const SHARDS = process.env["PGVECTORDB_TEST_SHARDS"];

/** An empty database of its own: a folder, or a new database on the server. */
export async function newTestDatabase(): Promise<TestDatabase> {
  if (CITUS_URL !== undefined) return newCitusDatabase(CITUS_URL);
  if (SERVER_URL !== undefined) return newServerDatabase(SERVER_URL);
  const folder = await newDatabaseFolder();
  return { url: folder, remove: async () => removeFolder(folder) };
}

/** A new test database, opened; `close` removes it too. */
export async function openTestDatabase(): Promise<{ db: PgVectorDB; url: string; close: () => Promise<void> }> {
  const database = await newTestDatabase();
  const db = await PgVectorDB.open({ url: database.url });
  if (SHARDS !== undefined) spreadCollections(db, Number(SHARDS));
  return {
    db,
    url: database.url,
    close: async () => {
      await db.close();
      await database.remove();
    },
  };
}

/** Every collection is made in pieces, whatever else a test asks for. */
export function spreadCollections(db: PgVectorDB, shards: number): void {
  const collection = db.collection.bind(db);
  db.collection = (name, options) => collection(name, { ...options, distribution: { shards } });
}

export async function newServerDatabase(server: string): Promise<TestDatabase> {
  const name = `pgvectordb_test_${randomUUID().replaceAll("-", "")}`;
  await runOnServer(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, remove: () => runOnServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/**
 * Runs `work` on the database opened with other settings of Postgres. The embedded database has one connection, which is
 * set and reset; a server makes new ones, with what its database has.
 */
export async function withSettings(
  url: string,
  settings: readonly string[],
  work: (db: PgVectorDB) => Promise<void>,
): Promise<void> {
  const name = isServer ? `"${new URL(url).pathname.slice(1)}"` : "";
  const connection = await openDatabase({ url });
  const run = async (text: string) => {
    await connection.query({ text, values: [] });
    // Every node of a cluster has settings of its own.
    if (CITUS_URL !== undefined) {
      await connection.query({ text: "SELECT run_command_on_workers($1)", values: [text] });
    }
  };
  for (const setting of settings) await run(isServer ? `ALTER DATABASE ${name} SET ${setting}` : `SET ${setting}`);
  const db = await PgVectorDB.open({ url });
  try {
    await work(db);
  } finally {
    for (const setting of settings) {
      const parameter = setting.split(" ")[0];
      await run(isServer ? `ALTER DATABASE ${name} RESET ${parameter}` : `RESET ${parameter}`);
    }
    await db.close();
    await connection.close();
  }
}
