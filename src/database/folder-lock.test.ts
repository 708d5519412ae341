import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockFolder } from "./folder-lock.ts";

let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "pgvectordb-lock-")));
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const module = join(import.meta.dirname, "../../dist/database/folder-lock.js");

/** A process that tries to lock the folder, says how that went, and lives until it is killed. */
async function lockingProcess(path: string, then = ""): Promise<{ child: ChildProcess; outcome: string }> {
  const script = join(folder, `${children.length}-child.mjs`);
  writeFileSync(
    script,
    `import { lockFolder } from ${JSON.stringify(module)};
    try { await lockFolder(${JSON.stringify(path)}); process.send("locked"); ${then} } catch (error) { process.send(error.code ?? "error"); }
    setInterval(() => {}, 1000);`,
  );
  const child = fork(script);
  children.push(child);
  const [outcome] = (await once(child, "message")) as [string];
  return { child, outcome };
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

describe("lockFolder", () => {
  it("is held by one at a time, and leaves nothing behind", async () => {
    const lock = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toMatchObject({ code: "database_locked", retryable: true });
    await lock.release();
    expect(readdirSync(folder)).toEqual([]);
    await (await lockFolder(folder)).release();
  });

  it("is refused to another process, and free once its owner was killed", async () => {
    const { child, outcome } = await lockingProcess(folder);
    expect(outcome).toBe("locked");
    await expect(lockFolder(folder)).rejects.toMatchObject({
      code: "database_locked",
      message: expect.stringContaining(folder),
    });
    await kill(child);
    const lock = await lockFolder(folder);
    expect(readdirSync(folder).filter((name) => name.startsWith("lock"))).toHaveLength(1);
    await lock.release();
  });

  it("holds while its owner's thread is blocked", async () => {
    const { outcome } = await lockingProcess(folder, "for (;;);");
    expect(outcome).toBe("locked");
    await expect(lockFolder(folder)).rejects.toMatchObject({ code: "database_locked" });
  });

  it("is given to exactly one of many that start at once, whatever the dead have left", async () => {
    const { child } = await lockingProcess(folder);
    await kill(child);
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => lockingProcess(folder)));
    const locked = outcomes.filter(({ outcome }) => outcome === "locked");
    expect(locked).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === "database_locked")).toHaveLength(3);
  });

  it("within one process, too, is given to one", async () => {
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)));
    const locks = attempts.filter((attempt) => attempt.status === "fulfilled");
    expect(locks.length).toBeLessThanOrEqual(1);
    for (const lock of locks) await lock.value.release();
  });

  it("works where the path is too long for a socket", async () => {
    const deep = join(folder, "d".repeat(100), "e".repeat(100));
    mkdirSync(deep, { recursive: true });
    const lock = await lockFolder(deep);
    await expect(lockFolder(deep)).rejects.toMatchObject({ code: "database_locked" });
    expect((await lockingProcess(deep)).outcome).toBe("database_locked");
    await lock.release();
    expect(readdirSync(deep)).toEqual([]);
  });

  it("clears away what a process left that died while it was taking the lock", async () => {
    const server = createServer().listen(join(folder, "lock-01234567-89ab"));
    await once(server, "listening");
    const held = await lockFolder(folder);
    expect(readdirSync(folder)).toContain("lock-01234567-89ab");
    await held.release();
    server.close();
    writeFileSync(join(folder, "lock-01234567-89ab"), "");
    const lock = await lockFolder(folder);
    expect(readdirSync(folder)).toEqual(["lock.1"]);
    await lock.release();
  });
});
