// What int8 costs in ranking quality: a trained model compiled in both number formats, the same candidates reordered by each.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { createLocalEmbedder } from "pgvectordb/embedders";
import type { Run, RunEntry } from "pgvectordb/evaluation";
import { printFigure } from "./figure.ts";
import { describeMachine, printMachine } from "./machine.ts";
import { type Dataset, readSciFact, readTrecDl21 } from "./quality-datasets.ts";
import { ndcgOf } from "./quality-runs.ts";

const USAGE = `npm run bench:int8 -- --model FOLDER [--data FOLDER] [--limit N]
  --model   a sentence-embedding model with model.safetensors, such as all-MiniLM-L6-v2: a folder or a hub id
  --data    evaluation data (default: $PGVECTORDB_EVAL_DATA, then ../shared/eval)
  --limit   only the first N queries of each set`;
const TOLERANCE = 0.003;

const { values: options } = parseArgs({
  options: { model: { type: "string" }, data: { type: "string" }, limit: { type: "string" } },
});
const data = resolve(options.data ?? process.env["PGVECTORDB_EVAL_DATA"] ?? "../shared/eval");

if (options.model === undefined) console.log(USAGE);
else await main(options.model);

async function main(model: string): Promise<void> {
  printMachine(describeMachine(["onnxruntime-node"]));
  for (const dataset of [await readSciFact(data), await readTrecDl21(data)]) {
    const run = dataset?.runs.find(({ name }) => name === "BM25")?.run;
    if (dataset === undefined || run === undefined) continue;
    const quality = {
      fp32: await reordered(dataset, run, model, "fp32"),
      int8: await reordered(dataset, run, model, "int8"),
    };
    for (const [dtype, value] of Object.entries(quality)) {
      printFigure({ name: `${dataset.name}, ${dtype}, nDCG@10`, value, unit: "", digits: 4 });
    }
    const difference = Math.abs(quality.int8 - quality.fp32);
    printFigure({ name: "difference", value: difference, unit: "", digits: 4, bar: { most: TOLERANCE } });
  }
}

/** nDCG@10 of BM25's candidates in the order of their cosine with the query. */
async function reordered(dataset: Dataset, run: Run, model: string, dtype: "fp32" | "int8"): Promise<number> {
  const queries = dataset.queries.slice(0, Number(options.limit ?? dataset.queries.length));
  const ids = [...new Set(queries.flatMap(({ id }) => (run.get(id) ?? []).map((entry) => entry.id)))];
  await using embedder = await createLocalEmbedder({ model, dtype });
  const vectors = await embedder.embedDocuments(ids.map((id) => dataset.documents.get(id) ?? ""));
  const vectorOf = new Map(ids.map((id, index) => [id, vectors[index] ?? []]));
  const ordered = new Map<string, RunEntry[]>();
  for (const { id, text } of queries) {
    const query = await embedder.embedQuery(text);
    const scored = (run.get(id) ?? []).map((entry) => ({
      id: entry.id,
      score: dot(query, vectorOf.get(entry.id) ?? []),
    }));
    ordered.set(
      id,
      scored.sort((a, b) => b.score - a.score),
    );
  }
  return ndcgOf(dataset, ordered, queries.length);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}
