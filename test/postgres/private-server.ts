import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";

/** Where the server's programs are, when they are on this machine: it takes a server of one's own to kill it. */
export const POSTGRES_PROGRAMS = findPrograms();

/** A server of this test alone, in a folder of its own. */
export interface PrivateServer {
  readonly url: string;
  readonly port: number;
  /** Owner of the server's processes, for folders that it must be able to write to. */
  readonly owner: { readonly uid?: number; readonly gid?: number };
  /** As the out-of-memory killer would: the postmaster and all of its children. */
  kill(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

export async function makePrivateServer(settings: readonly string[] = []): Promise<PrivateServer> {
  const programs = POSTGRES_PROGRAMS ?? "";
  const folder = mkdtempSync(join(tmpdir(), "pgvectordb-server-"));
  const data = join(folder, "data");
  const owner = serverOwner();
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid ?? owner.uid);
  const run = (program: string, ...parameters: string[]) =>
    execFileSync(join(programs, program), parameters, { ...owner, cwd: folder, stdio: "pipe" });
  run("initdb", "--pgdata", data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-sync");
  const port = await freePort();
  appendFileSync(
    join(data, "postgresql.conf"),
    `listen_addresses = '127.0.0.1'\nport = ${port}\nunix_socket_directories = ''\nshared_buffers = 32MB\n${settings.join("\n")}\n`,
  );
  let postmaster: ChildProcess | undefined;
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const start = async () => {
    // A server refuses to start as long as the system has not quite buried the processes of the one before.
    do postmaster = spawn(join(programs, "postgres"), ["-D", data], { ...owner, cwd: folder, stdio: "ignore" });
    while (!(await becomesReady(postmaster, url)));
  };
  const kill = async () => {
    if (postmaster?.pid === undefined) return;
    const ended = once(postmaster, "exit");
    // Stopped first, so that it makes no other child meanwhile.
    postmaster.kill("SIGSTOP");
    // Its children are all in one session each: the data folder's own lock names none of them, their parent does.
    const children = childrenOf(postmaster.pid);
    for (const pid of [postmaster.pid, ...children]) killHard(pid);
    await ended;
    postmaster = undefined;
  };
  await start();
  return {
    url,
    port,
    owner,
    start,
    kill,
    remove: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @returns whether it takes connections; if not, it has ended */
async function becomesReady(postmaster: ChildProcess, url: string): Promise<boolean> {
  while (postmaster.exitCode === null) {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      // Not yet.
    }
  }
  return false;
}

function childrenOf(parent: number): number[] {
  const listed = execFileSync("ps", ["-o", "pid=", "--ppid", String(parent)], { encoding: "utf8" });
  return listed.split(/\s+/).filter(Boolean).map(Number);
}

function killHard(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** The server refuses to run as root. */
function serverOwner(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const [, , uid, gid] =
    readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((line) => line.startsWith("postgres:"))
      ?.split(":") ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

function findPrograms(): string | undefined {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root)
    ? readdirSync(root)
        .map(Number)
        .filter((version) => version >= 15)
    : [];
  const folder = join(root, String(Math.max(0, ...versions)), "bin");
  return existsSync(join(folder, "postgres")) ? folder : undefined;
}
