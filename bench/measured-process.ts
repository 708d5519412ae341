import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface MeasuredProcess {
  readonly stdout: string;
  /** From the start of the process to its end. */
  readonly wallMs: number;
  readonly peakMemoryMb: number;
}

const PRELOAD = new URL("./report-memory.js", import.meta.url).href;

/** Runs Node in a process of its own and measures it from outside. @throws when it fails, with what it wrote to stderr */
export async function runMeasured(args: readonly string[]): Promise<MeasuredProcess> {
  const folder = await mkdtemp(join(tmpdir(), "pgvectordb-bench-"));
  const memoryFile = join(folder, "memory");
  try {
    const startedAt = performance.now();
    const stdout = await runNode(["--import", PRELOAD, ...args], memoryFile);
    const wallMs = performance.now() - startedAt;
    return { stdout, wallMs, peakMemoryMb: Number(await readFile(memoryFile, "utf8")) / 1024 };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function runNode(args: readonly string[], memoryFile: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, PGVECTORDB_BENCH_MEMORY_FILE: memoryFile },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`node ${args.slice(2).join(" ")} ended with ${code}: ${stderr.slice(-2000)}`));
    });
  });
}
