import { existsSync } from "node:fs";
import { mkdir, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Database } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";
import { closedError } from "./database-failure.ts";
import { lockFolder } from "./folder-lock.ts";
import { WorkerDatabase } from "./worker-database.ts";

/** The Postgres cluster inside the folder. Beside it lie the lock and, while it is being made, this mark. */
const CLUSTER = "postgres";
const UNFINISHED = "postgres.unfinished";

interface SharedFolder {
  readonly opening: Promise<Database>;
  users: number;
}

/** By real path. Two instances on one folder would silently lose rows. */
const openFolders = new Map<string, SharedFolder>();
/** Folders that are being closed: opening one again waits for that. */
const closingFolders = new Map<string, Promise<void>>();

/**
 * Opens the folder, or joins those of this process who have it open; the last to close closes it.
 *
 * @throws PgVectorDBError `database_locked` when another process has it; `invalid_argument` for a folder that is not ours
 */
export async function openFolder(path: string): Promise<Database> {
  const folder = await makeFolder(path);
  while (closingFolders.has(folder)) await closingFolders.get(folder);
  let shared = openFolders.get(folder);
  if (shared === undefined) {
    shared = { opening: openExclusively(folder), users: 0 };
    openFolders.set(folder, shared);
  }
  shared.users++;
  try {
    return lend(await shared.opening, () => leave(folder, shared));
  } catch (error) {
    if (openFolders.get(folder) === shared) openFolders.delete(folder);
    throw error;
  }
}

async function openExclusively(folder: string): Promise<Database> {
  const lock = await lockFolder(folder);
  try {
    const cluster = join(folder, CLUSTER);
    // Nothing was acknowledged before the first opening had finished, so a half-made cluster holds nothing.
    if (existsSync(join(folder, UNFINISHED))) await rm(cluster, { recursive: true, force: true });
    const isNew = !existsSync(cluster);
    if (isNew) await writeFile(join(folder, UNFINISHED), "");
    const database = await WorkerDatabase.open(cluster);
    await rm(join(folder, UNFINISHED), { force: true });
    return {
      query: (statement, options) => database.query(statement, options),
      transaction: (work, options) => database.transaction(work, options),
      close: () => database.close().finally(() => lock.release()),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** One user's view: closing it twice, or using it afterwards, does not touch the others. */
function lend(database: Database, leaveFolder: () => Promise<void>): Database {
  let closing: Promise<void> | undefined;
  const open = (): Database => {
    if (closing === undefined) return database;
    throw closedError();
  };
  return {
    query: async (statement, options) => open().query(statement, options),
    transaction: async (work, options) => open().transaction(work, options),
    close: () => {
      closing ??= leaveFolder();
      return closing;
    },
  };
}

async function leave(folder: string, shared: SharedFolder): Promise<void> {
  shared.users--;
  if (shared.users > 0) return;
  openFolders.delete(folder);
  const closing = shared.opening.then((database) => database.close()).finally(() => closingFolders.delete(folder));
  closingFolders.set(folder, closing);
  await closing;
}

async function makeFolder(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true });
    const folder = await realpath(path);
    if (!existsSync(join(folder, "PG_VERSION"))) return folder;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new PgVectorDBError("invalid_argument", `\`url\`: the folder cannot be made or reached (${code}).`, {
      cause,
    });
  }
  throw new PgVectorDBError(
    "invalid_argument",
    "`url` is a Postgres data folder made by something else. Choose another folder, or pass `{ pglite }`.",
  );
}
