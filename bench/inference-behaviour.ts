import { type ContestantFiles, scriptPath } from "./contestants.ts";
import type { Figure } from "./figure.ts";
import { runMeasured } from "./measured-process.ts";

type Files = Pick<ContestantFiles, "model" | "requests" | "cacheDir">;

/** The event loop and the memory of a process that scores so many long documents. */
export async function freeLoopFigures(files: Files, texts: number): Promise<Figure[]> {
  const found = await measure("run-free-loop", files);
  const name = `${texts} x 512 tokens, int8, two workers`;
  return [
    { name, value: found["ms"], unit: " ms" },
    { name: `${name}: event loop, p99 delay`, value: found["p99DelayMs"], unit: " ms", digits: 1, bar: { most: 20 } },
    {
      name: `${name}: longest stall`,
      value: found["longestStallMs"],
      unit: " ms",
      digits: 1,
      bar: { most: 50 },
    },
    { name: `${name}: peak memory`, value: found["peakMemoryMb"], unit: " MB", bar: { most: 350 } },
  ];
}

/** Whether memory grows over many calls. */
export async function manyCallsFigures(files: Files, count: number): Promise<Figure[]> {
  const { firstMb = 0, highestMb = 0, lastMb = 0 } = await measure("run-many-calls", files, String(count));
  return [
    {
      name: `${count} calls: growth of resident memory after the first 50`,
      value: 100 * (lastMb / firstMb - 1),
      unit: " %",
      digits: 1,
      bar: { most: 5 },
      note: `medians of the first and the last quarter, ${firstMb.toFixed(0)} and ${lastMb.toFixed(0)} MB; at most ${highestMb.toFixed(0)}`,
    },
  ];
}

/** Throughput, fairness and the bound of the queue under many callers. */
export async function concurrentFigures(files: Files, rounds: number): Promise<Figure[]> {
  const found = await measure("run-concurrent", files, String(rounds));
  return [
    {
      name: `${found["callers"]} callers at once: throughput of one caller's`,
      value: 100 * (found["throughputRatio"] ?? Number.NaN),
      unit: " %",
      bar: { least: 90 },
    },
    {
      name: "a small call beside a large one: times its own time alone",
      value: found["smallCallRatio"],
      unit: "x",
      digits: 2,
      bar: { most: 3 },
      note: "2 is a fair share",
    },
    {
      name: `${found["crowd"]} calls at once: refused as overloaded, retryable`,
      value: found["overloaded"],
      unit: "",
      bar: { least: 1 },
      note: `${found["failed"]} failed otherwise`,
    },
  ];
}

async function measure(
  script: string,
  { model, requests, cacheDir }: Files,
  ...more: string[]
): Promise<Record<string, number | undefined>> {
  const { stdout } = await runMeasured([scriptPath(script), model, requests, cacheDir, ...more]);
  return JSON.parse(stdout) as Record<string, number>;
}
