// Ours, as a timed process: node run-ours.js <model> <requests> <dtype> <cacheDir>
import { CrossEncoderReranker } from "pgvectordb/rerankers";
import { answerRuns } from "./answer-runs.ts";
import { loadedEngine } from "./loaded-engine.ts";

const [model, , dtype, cacheDir] = process.argv.slice(2);
await using reranker = new CrossEncoderReranker({
  model,
  cacheDir,
  dtype: dtype === "int8" ? "int8" : "fp32",
  selfCheck: false,
});
await reranker.load();
await answerRuns(`pgvectordb, ${dtype}, ${loadedEngine()}`, async ({ query, texts }) => {
  const ranked = await reranker.rerank(query, texts);
  const scores = new Array<number>(texts.length);
  for (const { index, rawScore } of ranked) scores[index] = rawScore;
  return scores;
});
