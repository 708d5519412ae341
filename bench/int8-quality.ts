// What int8 costs in ranking quality: a trained model compiled in both number formats, the same candidates reordered by each.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { createLocalEmbedder } from "pgvectordb/embedders";
import type { Run, RunEntry } from "pgvectordb/evaluation";
import { CrossEncoderReranker } from "pgvectordb/rerankers";
import { describeModel } from "../src/inference/describe-model.ts";
import { printFigure } from "./figure.ts";
import { describeMachine, printMachine } from "./machine.ts";
import { type Dataset, readSciFact, readTrecDl21 } from "./quality-datasets.ts";
import { ndcgOf } from "./quality-runs.ts";

const USAGE = `npm run bench:int8 -- --model FOLDER [--data FOLDER] [--limit N]
  --model   a cross-encoder, or a sentence-embedding model such as all-MiniLM-L6-v2, with model.safetensors: a folder or a hub id
  --data    evaluation data (default: $PGVECTORDB_EVAL_DATA, then ../shared/eval)
  --limit   only the first N queries of each set`;
const TOLERANCE = 0.003;

const { values: options } = parseArgs({
  options: { model: { type: "string" }, data: { type: "string" }, limit: { type: "string" } },
});
const data = resolve(options.data ?? process.env["PGVECTORDB_EVAL_DATA"] ?? "../shared/eval");

if (options.model === undefined) console.log(USAGE);
else await main(options.model);

type Dtype = "fp32" | "int8";
type Reorder = (dataset: Dataset, run: Run, model: string, dtype: Dtype) => Promise<number>;

async function main(model: string): Promise<void> {
  printMachine(describeMachine(["onnxruntime-node"]));
  const { task, use, reason } = await describeModel({ model, dtype: "int8" });
  if (use === undefined) throw new Error(reason);
  const reorder: Reorder = task === "rerank" ? byScore : byCosine;
  for (const dataset of [await readSciFact(data), await readTrecDl21(data)]) {
    const run = dataset?.runs.find(({ name }) => name === "BM25")?.run;
    if (dataset === undefined || run === undefined) continue;
    const int8 = await reorder(dataset, run, model, "int8");
    const fp32 = await reorder(dataset, run, model, "fp32");
    printFigure({ name: `${dataset.name}, fp32, nDCG@10`, value: fp32, unit: "", digits: 4 });
    printFigure({ name: `${dataset.name}, int8, nDCG@10`, value: int8, unit: "", digits: 4, note: use.engine });
    printFigure({ name: "difference", value: Math.abs(int8 - fp32), unit: "", digits: 4, bar: { most: TOLERANCE } });
  }
}

function queriesOf(dataset: Dataset): Dataset["queries"] {
  return dataset.queries.slice(0, Number(options.limit ?? dataset.queries.length));
}

/** nDCG@10 of BM25's candidates in the order of a cross-encoder's scores. */
async function byScore(dataset: Dataset, run: Run, model: string, dtype: Dtype): Promise<number> {
  const queries = queriesOf(dataset);
  await using reranker = new CrossEncoderReranker({ model, dtype, selfCheck: false });
  const ordered = new Map<string, RunEntry[]>();
  for (const { id, text } of queries) {
    const entries = run.get(id) ?? [];
    const ranked = await reranker.rerank(
      text,
      entries.map((entry) => dataset.documents.get(entry.id) ?? ""),
    );
    ordered.set(
      id,
      ranked.map(({ index, rawScore }) => ({ id: entries[index]?.id ?? "", score: rawScore })),
    );
  }
  return ndcgOf(dataset, ordered, queries.length);
}

/** nDCG@10 of BM25's candidates in the order of their cosine with the query. */
async function byCosine(dataset: Dataset, run: Run, model: string, dtype: Dtype): Promise<number> {
  const queries = queriesOf(dataset);
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
