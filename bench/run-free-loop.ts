// The event loop and the memory of a process that scores long documents: node run-free-loop.js <model> <requests> <cacheDir>
import { readFile } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { CrossEncoderReranker } from "pgvectordb/rerankers";
import type { ScoreRequest } from "./score-requests.ts";

/** Two, as the bar for memory says: each worker has a copy of the model. */
const WORKERS = 2;
const [model, requestsPath = "", cacheDir] = process.argv.slice(2);
const { all }: Record<"all", ScoreRequest> = JSON.parse(await readFile(requestsPath, "utf8"));
await using reranker = new CrossEncoderReranker({ model, cacheDir, dtype: "int8", workers: WORKERS, selfCheck: false });
await reranker.load();

// A sample a millisecond; that millisecond is part of each delay.
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const startedAt = performance.now();
const { usage } = await reranker.rerankDetailed(all.query, all.texts);
const ms = performance.now() - startedAt;
delay.disable();
console.log(
  JSON.stringify({
    ms,
    tokens: usage.tokens,
    p99DelayMs: delay.percentile(99) / 1e6,
    longestStallMs: delay.max / 1e6,
    peakMemoryMb: (await peakResidentBytes()) / 2 ** 20,
  }),
);

/** Linux counts the parent's memory into `maxRSS`, so its own line is read. */
async function peakResidentBytes(): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const line = /VmHWM:\s*(\d+) kB/.exec(status)?.[1];
  return 1024 * (line === undefined ? process.resourceUsage().maxRSS : Number(line));
}
