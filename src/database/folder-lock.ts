import { createHash, randomUUID } from "node:crypto";
import { link, mkdtemp, readdir, rm, rmdir, symlink, unlink } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PgVectorDBError } from "../errors.ts";

export interface FolderLock {
  release(): Promise<void>;
}

/** Socket paths end at 104 bytes on macOS and 108 on Linux; a longer one is cut, or refused. */
const MAX_SOCKET_PATH_BYTES = 100;
const LOCK_FILE = /^lock\.(\d{1,9})$/;
const UNCLAIMED_FILE = /^lock-[0-9a-f-]+$/;
const ATTEMPTS = 10;
/** A pipe that is busy makes the probe wait; only a living process keeps one busy. */
const PROBE_TIMEOUT_MS = 2000;

/**
 * Takes the folder for this process, or says that another has it.
 *
 * The lock is a listening socket: the kernel answers a probe even while its owner is busy, and closes it when the owner
 * dies, however it dies. Sockets are named `lock.<n>` and are listening before they get that name (by `link`, which
 * never replaces), so one that refuses a connection is dead for good. Whoever takes a number looks again afterwards and
 * steps back if any other lives; the numbers of the dead are removed only by an owner.
 *
 * @param folder a real path that exists
 * @throws PgVectorDBError `database_locked`
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  if (process.platform === "win32") return lockByPipe(folder);
  const { reach, done } = await shortPathTo(folder);
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const lock = await tryToLock(folder, reach);
      if (lock !== undefined) return lock;
      // Two processes that start at once may both step back: wait a random while, then one is first.
      await new Promise((resolve) => setTimeout(resolve, 10 + Math.random() * 50 * (attempt + 1)));
    }
  } finally {
    await done();
  }
  throw lockedError(folder);
}

/** `undefined`: another process was taking the lock at the same time. */
async function tryToLock(folder: string, reach: string): Promise<FolderLock | undefined> {
  const before = await listLocks(folder);
  if (await anyAlive(reach, before)) throw lockedError(folder);

  const unclaimed = `lock-${randomUUID().slice(0, 13)}`;
  const server = await listen(join(reach, unclaimed), folder);
  const claimed = `lock.${1 + Math.max(0, ...before.map(numberOf))}`;
  try {
    await link(join(folder, unclaimed), join(folder, claimed));
  } catch (cause) {
    await closeServer(server);
    const { code } = cause as NodeJS.ErrnoException;
    // Somebody was faster, or tidied up.
    if (code === "EEXIST" || code === "ENOENT") return undefined;
    throw cannotLock(cause as NodeJS.ErrnoException);
  }
  await rm(join(folder, unclaimed), { force: true });
  const release = async () => {
    await rm(join(folder, claimed), { force: true });
    await closeServer(server);
  };
  const others = (await listLocks(folder)).filter((name) => name !== claimed);
  if (await anyAlive(reach, others)) {
    await release();
    return undefined;
  }
  await Promise.all(others.map((name) => rm(join(folder, name), { force: true })));
  await removeUnclaimed(folder, reach);
  return { release };
}

async function lockByPipe(folder: string): Promise<FolderLock> {
  const name = createHash("sha256").update(folder.toLowerCase()).digest("hex").slice(0, 32);
  const path = `\\\\.\\pipe\\pgvectordb-${name}`;
  if (await isAlive(path)) throw lockedError(folder);
  const server = await listen(path, folder);
  return { release: () => closeServer(server) };
}

async function listLocks(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => LOCK_FILE.test(name));
}

function numberOf(lockName: string): number {
  return Number(LOCK_FILE.exec(lockName)?.[1] ?? 0);
}

async function anyAlive(reach: string, names: readonly string[]): Promise<boolean> {
  const alive = await Promise.all(names.map((name) => isAlive(join(reach, name))));
  return alive.includes(true);
}

/** Sockets of processes that died before they had claimed a number. */
async function removeUnclaimed(folder: string, reach: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => UNCLAIMED_FILE.test(name));
  for (const name of names) {
    if (!(await isAlive(join(reach, name)))) await rm(join(folder, name), { force: true });
  }
}

/** Only a refused connection, or no socket at all, means that nobody listens. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const settle = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => settle(true));
    socket.once("connect", () => settle(true));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      settle(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}

function listen(path: string, folder: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || (process.platform === "win32" && error.code === "EACCES")) {
        return reject(lockedError(folder));
      }
      reject(cannotLock(error));
    });
    // `exclusive`: in a cluster the socket must belong to this process, not to the primary.
    server.listen({ path, exclusive: true }, () => resolve(server.unref()));
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** A folder whose path is too long for a socket is reached through a symbolic link that lives for a moment. */
async function shortPathTo(folder: string): Promise<{ reach: string; done: () => Promise<void> }> {
  if (Buffer.byteLength(join(folder, "lock-00000000-0000")) <= MAX_SOCKET_PATH_BYTES) {
    return { reach: folder, done: async () => {} };
  }
  const parent = await mkdtemp(join(tmpdir(), "pgv-"));
  const reach = join(parent, "f");
  await symlink(folder, reach);
  const done = async () => {
    await unlink(reach);
    await rmdir(parent);
  };
  return { reach, done };
}

function cannotLock(cause: NodeJS.ErrnoException): PgVectorDBError {
  return new PgVectorDBError(
    "database_error",
    `The database folder cannot be locked (${cause.code}). Choose a folder on a local disk that this user may write to.`,
    { cause },
  );
}

function lockedError(folder: string): PgVectorDBError {
  return new PgVectorDBError(
    "database_locked",
    `Another process has the database folder open: ${folder}. Close it there, or wait until it ends; ` +
      "several processes can share one Postgres server, but not one folder.",
    { retryable: true },
  );
}
