// Whether memory grows over many calls: node run-many-calls.js <model> <requests> <cacheDir> <calls>
import { readFile } from "node:fs/promises";
import { CrossEncoderReranker } from "pgvectordb/rerankers";
import { median } from "./median.ts";
import type { ScoreRequest } from "./score-requests.ts";

const FIRST_COUNTED = 50;
const MOST_TEXTS = 4;
const [model, requestsPath = "", cacheDir, calls] = process.argv.slice(2);
const { short }: Record<"short", ScoreRequest> = JSON.parse(await readFile(requestsPath, "utf8"));
await using reranker = new CrossEncoderReranker({ model, cacheDir, dtype: "int8", selfCheck: false });

const resident: number[] = [];
for (let call = 0; call < Number(calls); call++) {
  const texts = short.texts.slice(0, 1 + (call % MOST_TEXTS));
  await reranker.rerank(short.query, texts);
  if (call >= FIRST_COUNTED) resident.push(process.memoryUsage.rss() / 2 ** 20);
}
// One reading is 5 % above or below the next, by what V8 has collected: a leak shows in medians of many.
const quarter = Math.ceil(resident.length / 4);
const [firstMb, lastMb] = [median(resident.slice(0, quarter)), median(resident.slice(-quarter))];
console.log(JSON.stringify({ calls: Number(calls), firstMb, highestMb: Math.max(...resident), lastMb }));
