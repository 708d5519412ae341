// Few files instead of some two hundred modules: each costs a part of a millisecond to find and to read, which made
// importing `pgvectordb/rerankers` take twice as long.
import { build } from "rolldown";

const entries = [
  "index",
  "rerankers/index",
  "embedders/index",
  "evaluation/index",
  "cli/bin",
  "inference/workers/inference-worker",
  "database/pglite-worker",
];
// What tests and benches run by itself, in processes of their own.
const parts = [
  "cli/demo/collect-markdown",
  "cli/demo/demo-index",
  "database/folder-lock",
  "inference/model-files/locate-model",
  "inference/sessions/native-gate",
];

await build({
  input: Object.fromEntries([...entries, ...parts].map((name) => [name, `src/${name}.ts`])),
  platform: "node",
  // Node 20 knows neither `using` nor `await using`.
  transform: { target: "es2023" },
  // Everything but our own files, and what the bundler writes for `using`.
  external: /^(?!@oxc-project\/runtime)[^./\0]/,
  output: { dir: "dist", format: "esm", chunkFileNames: "chunks/[name]-[hash].js", cleanDir: true },
});
