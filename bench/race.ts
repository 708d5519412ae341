import { setTimeout as sleep } from "node:timers/promises";
import type { Contestant } from "./contestants.ts";
import { median } from "./median.ts";
import type { TimedProcess, TimedRun } from "./timed-process.ts";

/** Threads of ONNX Runtime and of OpenMP spin on after their work: for some 40 ms one of them took a core from whoever was next. */
const SETTLING_MS = 500;

export interface Runner {
  readonly key: string;
  readonly name: string;
  readonly process: TimedProcess;
}

/** Every runner's rounds, by its key; the rounds at one position are of the same minute for all. */
export type RaceResult = ReadonlyMap<string, readonly TimedRun[]>;

/** Starts those that can, each loaded and warm. `onMissing` is told of the others, and why. */
export async function startRunners(
  contestants: readonly Contestant[],
  warmUp: string,
  onMissing: (name: string, reason: string) => void,
): Promise<Runner[]> {
  const runners: Runner[] = [];
  for (const { key, name, missing, start } of contestants) {
    if (missing !== undefined) {
      onMissing(name, missing);
      continue;
    }
    try {
      const process = await start();
      await process.run(warmUp);
      runners.push({ key, name, process });
    } catch (error) {
      onMissing(name, (error as Error).message);
    }
  }
  return runners;
}

/**
 * In rounds, one after the other, so that a slow minute of the machine falls on all of them and not on one. What is timed is
 * a second run behind one that is not: a processor that has rested is slow for some 40 ms (on one virtual machine), which
 * would be half of what the fastest takes and nothing of the slowest.
 */
export async function race(runners: readonly Runner[], request: string, rounds: number): Promise<RaceResult> {
  const result = new Map<string, TimedRun[]>(runners.map(({ key }) => [key, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { key, process } of runners) {
      await sleep(SETTLING_MS);
      await process.run(request);
      result.get(key)?.push(await process.run(request));
    }
  }
  return result;
}

/** How many times as long as `base` the other took: the median of the rounds' own ratios, in which both met the same weather. */
export function timesAsLong(result: RaceResult, other: string, base: string): number | undefined {
  const [others, bases] = [result.get(other), result.get(base)];
  if (others === undefined || bases === undefined) return undefined;
  return median(others.map(({ ms }, round) => ms / (bases[round] as TimedRun).ms));
}
