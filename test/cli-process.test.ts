import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newTestDatabase, type TestDatabase } from "./test-database.ts";

const CLI = join(import.meta.dirname, "../dist/cli/bin.js");
const FILES = 15;
const RECORDS = 100;

let folder: string;
let database: TestDatabase;

beforeEach(async () => {
  database = await newTestDatabase();
  folder = mkdtempSync(join(tmpdir(), "cli-process-"));
  mkdirSync(join(folder, "files"));
  for (let file = 0; file < FILES; file++) {
    const records = Array.from({ length: RECORDS }, (_, i) =>
      JSON.stringify({ id: `${i}`, text: `Record ${i} of ${file}.` }),
    );
    writeFileSync(join(folder, "files", `${file}.jsonl`), records.join("\n"));
  }
});

afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database.remove();
});

/** Runs the command line as a user does. @param onProgress called when it says that it has read a file */
async function run(args: readonly string[], onProgress: (kill: (signal: NodeJS.Signals) => void) => void = () => {}) {
  const child = spawn(process.execPath, [CLI, ...args, "--url", database.url], { cwd: folder });
  const written = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    written.stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    const isFirst = !written.stderr.includes("Indexing files");
    written.stderr += chunk.toString();
    if (isFirst && written.stderr.includes("Indexing files")) onProgress((signal) => child.kill(signal));
  });
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, ...written };
}

describe("pgvectordb index", () => {
  it("ends in order at Ctrl-C, and goes on when it is run again", async () => {
    const interrupted = await run(["index", "files"], (kill) => kill("SIGINT"));
    expect(interrupted.exitCode).toBe(130);
    expect(interrupted.stdout).toBe("");
    expect(interrupted.stderr).toMatch(/Interrupted\. What was written is kept/);
    const before = await run(["stats", "--json"]);
    const { documents } = JSON.parse(before.stdout) as { documents: number };
    expect(documents).toBeLessThan(FILES * RECORDS);

    const again = await run(["index", "files", "--json"]);
    expect(again.exitCode).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({
      files: FILES,
      passages: FILES * RECORDS,
      inserted: FILES * RECORDS - documents,
      unchanged: documents,
      removed: 0,
    });
    const after = await run(["stats", "--json"]);
    expect(JSON.parse(after.stdout)).toMatchObject({ documents: FILES * RECORDS });
  });
});
