// Our embedder, as a timed process: node run-embedder.js <model> <requests> <dtype> <cacheDir>
import { createLocalEmbedder } from "pgvectordb/embedders";
import { answerRuns } from "./answer-runs.ts";
import { loadedEngine } from "./loaded-engine.ts";

const [model = "", , dtype, cacheDir] = process.argv.slice(2);
await using embedder = await createLocalEmbedder({
  model,
  cacheDir,
  dtype: dtype === "int8" ? "int8" : "fp32",
  pooling: "mean",
});
// The first number of each vector stands for it.
await answerRuns(`pgvectordb's embedder, ${dtype}, ${loadedEngine()}`, async ({ texts }) =>
  (await embedder.embedDocuments(texts)).map((vector) => vector[0] as number),
);
