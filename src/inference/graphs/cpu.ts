import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import type { CpuKind } from "./choose-onnx-file.ts";

/**
 * Threads for one session: one per physical core this process may use. Two threads on one core's halves make a matrix
 * product slower, not faster.
 */
export async function defaultThreads(): Promise<number> {
  const logical = availableParallelism();
  return Math.max(1, (await hasTwoThreadsPerCore(logical)) ? Math.floor(logical / 2) : logical);
}

/** What the processor can do with int8. Only Linux says so in a file; elsewhere the careful answer is given. */
export async function detectCpu(): Promise<CpuKind> {
  if (process.arch === "arm64") return "arm64";
  const description = await readSystemFile("/proc/cpuinfo");
  return /\bavx(512)?_vnni\b/.test(description) ? "x64-vnni" : "x64";
}

async function hasTwoThreadsPerCore(logical: number): Promise<boolean> {
  if (process.arch !== "x64" || logical < 4) return false;
  if (process.platform === "linux") return (await readSystemFile("/sys/devices/system/cpu/smt/active")).trim() === "1";
  return true;
}

async function readSystemFile(path: string): Promise<string> {
  // Absent on other systems and in some sandboxes: then nothing is known, which callers expect.
  return readFile(path, "utf8").catch(() => "");
}
