import { fork } from "node:child_process";
import { once } from "node:events";
import { CohereReranker, PgVectorDBError } from "pgvectordb/rerankers";
import { COHERE_KEY } from "../test/imitation-services/cohere.ts";
import { rankByOverlap } from "../test/imitation-services/word-overlap.ts";
import { describeMachine, printMachine } from "./machine.ts";

/**
 * What the shared layer of the hosted rerankers costs and withstands, against a local imitation of Cohere in another process.
 * Run it with `npm run bench:hosted`.
 */
const FAULT_RATE = 0.05;
const CONCURRENT = 1000;
const ROUNDS = 6;
const DEADLINE_MS = 10_000;

printMachine(describeMachine([]));
await measureOverhead();
await measureAborts();
await measureStorm();

/** Our call beside a bare `fetch` of the same body, in turns, so that both meet the same weather. */
async function measureOverhead(): Promise<void> {
  const service = await startService(0);
  const reranker = new CohereReranker({ apiKey: COHERE_KEY, baseUrl: `${service.url}/v2` });
  for (const documentCount of [1, 10, 100]) {
    const documents = textsFor(0, documentCount);
    const bare = async () => {
      const response = await fetch(`${service.url}/v2/rerank`, {
        method: "POST",
        headers: { authorization: `Bearer ${COHERE_KEY}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "rerank-v3.5", query: "warm", documents, top_n: documentCount }),
      });
      return (await response.json()) as unknown;
    };
    const ours = () => reranker.rerank("warm", documents);
    const [bareTimes, ourTimes] = await timeInTurns(bare, ours, 1500);
    const difference = median(ourTimes) - median(bareTimes);
    console.log(
      `overhead, ${documentCount} documents: fetch ${median(bareTimes).toFixed(3)} ms, ours ${median(ourTimes).toFixed(3)} ms, ` +
        `difference ${difference.toFixed(3)} ms at the median (aim: below 0.3)`,
    );
  }
  service.stop();
}

async function timeInTurns(first: () => Promise<unknown>, second: () => Promise<unknown>, rounds: number) {
  const times: [number[], number[]] = [[], []];
  for (let round = -200; round < rounds; round++) {
    for (const [side, call] of [first, second].entries()) {
      const startedAt = performance.now();
      await call();
      if (round >= 0) times[side as 0 | 1].push(performance.now() - startedAt);
    }
  }
  return times;
}

/** How long an abort takes to reject, while the service is silent and while a back-off sleeps. */
async function measureAborts(): Promise<void> {
  const delays: number[] = [];
  const silent = await startService(0);
  const reranker = new CohereReranker({
    apiKey: COHERE_KEY,
    baseUrl: `${silent.url}/v2`,
    fetch: async () => new Response("{}", { status: 429, headers: { "retry-after": "30" } }),
  });
  for (let run = 0; run < 200; run++) {
    const controller = new AbortController();
    const call = reranker.rerank("warm", ["text"], { signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 2));
    const startedAt = performance.now();
    controller.abort();
    await call.catch(() => undefined);
    delays.push(performance.now() - startedAt);
  }
  console.log(
    `abort in a back-off: median ${median(delays).toFixed(3)} ms, worst of ${delays.length} ${Math.max(...delays).toFixed(3)} ms (aim: below 50)`,
  );
  silent.stop();
}

/** Many reranks at once over a faulty service: each must end in time, with its own result or a typed error. */
async function measureStorm(): Promise<void> {
  const service = await startService(FAULT_RATE);
  const options = { apiKey: COHERE_KEY, baseUrl: `${service.url}/v2`, concurrency: 64, retryDelayMs: 20 };
  const reranker = new CohereReranker(options);
  for (let round = 1; round <= ROUNDS; round++) {
    const startedAt = performance.now();
    const outcomes = await Promise.all(
      Array.from({ length: CONCURRENT }, (_, call) => runOne(reranker, round * CONCURRENT + call)),
    );
    const tally = new Map<string, number>();
    for (const { outcome } of outcomes) tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
    const latest = Math.max(...outcomes.map(({ durationMs }) => durationMs));
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    console.log(
      `round ${round}: ${CONCURRENT} at once in ${((performance.now() - startedAt) / 1000).toFixed(1)} s, ` +
        `latest ${latest.toFixed(0)} ms of ${DEADLINE_MS}; ${[...tally].map(([name, count]) => `${name} ${count}`).join(", ")}; ` +
        `heap ${(heapUsed / 2 ** 20).toFixed(1)} MB, resident ${(rss / 2 ** 20).toFixed(0)} MB`,
    );
  }
  service.stop();
}

async function runOne(reranker: CohereReranker, seed: number): Promise<{ outcome: string; durationMs: number }> {
  const query = `warm query${seed}`;
  const documents = textsFor(seed, 20);
  const startedAt = performance.now();
  const outcome = await reranker.rerank(query, documents, { timeoutMs: DEADLINE_MS }).then(
    (ranked) => {
      const expected = rankByOverlap(query, documents).map(({ index }) => documents[index]);
      return JSON.stringify(ranked.map(({ content }) => content)) === JSON.stringify(expected) ? "right" : "MIXED";
    },
    (error: unknown) => (error instanceof PgVectorDBError ? error.code : "UNTYPED"),
  );
  return { outcome, durationMs: performance.now() - startedAt };
}

/** Texts that no other seed has, in an order of relevance of their own. */
function textsFor(seed: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const words = ["text", String(seed), String((index * 7919 + seed) % 104_729)];
    if ((index + seed) % 3 === 0) words.push("warm");
    if ((index * seed) % 5 === 1) words.push(`query${seed}`);
    return `${words.join(" ")}${" .".repeat((index * 31 + seed) % 40)}`;
  });
}

async function startService(faultRate: number): Promise<{ url: string; stop(): void }> {
  const child = fork(new URL("./imitation-process.js", import.meta.url), [String(faultRate)]);
  const [url] = (await once(child, "message")) as [string];
  return { url, stop: () => child.disconnect() };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
