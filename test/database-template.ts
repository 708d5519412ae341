import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PgVectorDB } from "../src/pgvectordb.ts";

/**
 * A new folder with an empty database. Making a database takes seconds, so it is made once per machine and copied.
 *
 * @returns the folder; remove it with `removeFolder`
 */
export async function newDatabaseFolder(): Promise<string> {
  const template = await databaseTemplate();
  const folder = mkdtempSync(join(tmpdir(), "pgvectordb-test-"));
  cpSync(template, folder, { recursive: true });
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

async function databaseTemplate(): Promise<string> {
  const root = join(import.meta.dirname, "..");
  const versions = ["@electric-sql/pglite", "@electric-sql/pglite-pgvector", "@electric-sql/pglite-pg_textsearch"]
    .map((name) => versionOf(join(root, "node_modules", name, "package.json")))
    .join("-");
  const cache = join(root, "node_modules", ".cache", "pgvectordb");
  const schema = createHash("sha256")
    .update(readFileSync(join(root, "src/database/schema.ts")))
    .digest("hex");
  const template = join(cache, `empty-database-${versions}-${schema.slice(0, 12)}`);
  if (existsSync(template)) return template;
  mkdirSync(cache, { recursive: true });
  const making = mkdtempSync(join(cache, "making-"));
  const db = await PgVectorDB.open({ url: making });
  await db.close();
  try {
    renameSync(making, template);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    // Another test file may have been first.
    if (!existsSync(template)) throw error;
  }
  return template;
}

function versionOf(packageFile: string): string {
  return (JSON.parse(readFileSync(packageFile, "utf8")) as { version: string }).version;
}
