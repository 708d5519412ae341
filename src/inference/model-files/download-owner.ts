import { createHash, randomBytes } from "node:crypto";
import { readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { loadOnce } from "../../load-once.ts";

/** A name for one download that other processes can recognise as ours: machine, process, and a random part. */
export async function newOwner(): Promise<string> {
  return `${await machine()}-${process.pid}-${randomBytes(6).toString("hex")}`;
}

/** Whether the process that made this name is certainly over. */
export async function isOwnerGone(owner: string): Promise<boolean> {
  const [, home, pid] = /^([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{12}$/.exec(owner) ?? [];
  if (home === undefined || home !== (await machine())) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    // Another user's process is refused with EPERM, and lives.
    return (error as { code?: unknown }).code === "ESRCH";
  }
}

/** Containers that share a cache count their processes apart, so a process number means nothing across them. */
const machine = loadOnce(async () => {
  const processes = await readlink("/proc/self/ns/pid").catch(() => "");
  return createHash("sha256").update(`${hostname()}\0${processes}`).digest("hex").slice(0, 8);
});
