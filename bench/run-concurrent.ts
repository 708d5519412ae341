// Many callers at once: node run-concurrent.js <model> <requests> <cacheDir> <rounds>
import { readFile } from "node:fs/promises";
import { CrossEncoderReranker, PgVectorDBError } from "pgvectordb/rerankers";
import { median } from "./median.ts";
import type { ScoreRequest } from "./score-requests.ts";

const CALLERS = 16;
const TEXTS = 20;
const SMALL_TEXTS = 4;
/** Above the queue's bound. */
const CROWD = 300;
const [model, requestsPath = "", cacheDir, rounds] = process.argv.slice(2);
const { short }: Record<"short", ScoreRequest> = JSON.parse(await readFile(requestsPath, "utf8"));
await using reranker = new CrossEncoderReranker({ model, cacheDir, dtype: "int8", selfCheck: false });
await reranker.load();

const calls = Array.from({ length: CALLERS }, (_, call) =>
  Array.from({ length: TEXTS }, (_, text) => short.texts[(call * 7 + text) % short.texts.length] as string),
);
const rerank = (texts: readonly string[]) => reranker.rerank(short.query, texts);
const small = short.texts.slice(0, SMALL_TEXTS);
await rerank(short.texts);

const ratios: { throughput: number[]; small: number[] } = { throughput: [], small: [] };
for (let round = 0; round < Number(rounds); round++) {
  const oneCallerMs = await timed(async () => {
    for (const texts of calls) await rerank(texts);
  });
  const manyCallersMs = await timed(async () => {
    await Promise.all(calls.map(rerank));
  });
  ratios.throughput.push(oneCallerMs / manyCallersMs);
  const aloneMs = await timed(() => rerank(small));
  const large = rerank(short.texts);
  const besideMs = await timed(() => rerank(small));
  await large;
  ratios.small.push(besideMs / aloneMs);
}
const outcomes = await Promise.all(
  Array.from({ length: CROWD }, () =>
    rerank([small[0] as string]).then(
      () => "answered" as const,
      (error: unknown) =>
        error instanceof PgVectorDBError && error.code === "overloaded" && error.retryable ? "overloaded" : "failed",
    ),
  ),
);
console.log(
  JSON.stringify({
    callers: CALLERS,
    throughputRatio: median(ratios.throughput),
    smallCallRatio: median(ratios.small),
    crowd: CROWD,
    overloaded: outcomes.filter((outcome) => outcome === "overloaded").length,
    failed: outcomes.filter((outcome) => outcome === "failed").length,
  }),
);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
