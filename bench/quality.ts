// Ranking quality, first stage beside reranked: npm run bench:quality -- [--model builtin] [--limit 50] [--json]
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { createBuiltinEmbedder } from "pgvectordb/embedders";
import { evaluate, type Run } from "pgvectordb/evaluation";
import { CrossEncoderReranker, type FirstStageStrength } from "pgvectordb/rerankers";
import { BUILTIN_RERANKER } from "../src/shipped-model.ts";
import { readDemoQuestions } from "./demo-questions.ts";
import { describeMachine, printMachine } from "./machine.ts";
import { describeModelFiles } from "./model-files.ts";
import { type Dataset, readSciFact, readTrecDl21 } from "./quality-datasets.ts";
import { printResult, type QualityResult, toJson } from "./quality-report.ts";
import { ndcgOf, perfectRun } from "./quality-runs.ts";
import { storeRuns } from "./quality-store.ts";

const USAGE = `npm run bench:quality -- [options]
  --data FOLDER   evaluation data (default: $PGVECTORDB_EVAL_DATA, then ../shared/eval)
  --model NAME    reranker: builtin (default), a folder or a hub id; none for the first stages alone
  --dtype TYPE    number format of the reranker's weights (default: the model's usual one)
  --sets LIST     demo,scifact,dl21 (default: all)
  --limit N       only the first N queries of each set
  --json          nothing but JSON on stdout`;

const { values: options } = parseArgs({
  options: {
    data: { type: "string" },
    model: { type: "string", default: "builtin" },
    dtype: { type: "string" },
    sets: { type: "string", default: "demo,scifact,dl21" },
    limit: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const data = resolve(options.data ?? process.env["PGVECTORDB_EVAL_DATA"] ?? "../shared/eval");

if (options.help) console.log(USAGE);
else await main();

async function main(): Promise<void> {
  if (!existsSync(data))
    console.error(`SciFact and TREC DL 2021 are not measured: no data at ${data}. Give its folder with --data.`);
  const machine = describeMachine(["onnxruntime-node", "tokenizers"]);
  const embedder = createBuiltinEmbedder();
  const models = {
    reranker: { model: options.model, files: describeModelFiles(folderOf(options.model)) },
    embedder: { model: embedder.id, files: describeModelFiles("models/embedder-v2") },
  };
  if (!options.json) {
    printMachine(machine);
    for (const [part, { model, files }] of Object.entries(models)) {
      const described = files.map(({ file, megabytes, sha256 }) => `${file} ${megabytes} MB sha256 ${sha256}`);
      console.log(`${part} ${model}: ${described.join(", ") || "no files here"}`);
    }
  }
  const reranker = options.model === "none" ? undefined : createReranker();
  const results: QualityResult[] = [];
  for await (const stage of firstStages()) {
    const result = await measure(stage, reranker);
    results.push(result);
    if (!options.json) printResult(result);
  }
  await reranker?.close();
  if (options.json) console.log(JSON.stringify({ machine, models, results: results.map(toJson) }, null, 2));
}

interface FirstStageRun {
  readonly dataset: Dataset;
  readonly firstStage: string;
  readonly run: Run;
  readonly strength?: FirstStageStrength | undefined;
}

async function* firstStages(): AsyncGenerator<FirstStageRun> {
  const readers = { demo: readDemoQuestions, scifact: () => readSciFact(data), dl21: () => readTrecDl21(data) };
  for (const [name, read] of Object.entries(readers)) {
    const dataset = options.sets.split(",").includes(name) ? await read() : undefined;
    if (dataset === undefined) continue;
    for (const { name, run, strength, expectedNdcg } of dataset.runs) {
      if (expectedNdcg !== undefined) await checkReader(dataset, name, run, expectedNdcg);
      yield { dataset, firstStage: name, run, strength };
    }
    // The pool holds only what its two first stages found; a search of our own needs a whole corpus.
    if (dataset.name !== "SciFact") continue;
    for (const [firstStage, run] of await storeRuns(dataset)) yield { dataset, firstStage, run };
  }
}

/** A figure that others published for the same run: a reader that misreads is found before it misleads. */
async function checkReader(dataset: Dataset, name: string, run: Run, expected: number): Promise<void> {
  const got = await ndcgOf(dataset, run);
  if (Math.abs(got - expected) > 0.0006) {
    throw new Error(`${dataset.name}, ${name}: nDCG@10 ${got.toFixed(4)} where the data's README says ${expected}`);
  }
}

async function measure(
  { dataset, firstStage, run, strength = "modest" }: FirstStageRun,
  reranker: CrossEncoderReranker | undefined,
): Promise<QualityResult> {
  const limit = options.limit === undefined ? undefined : Number(options.limit);
  const { qrels, documents } = dataset;
  await reranker?.load();
  const evaluation = await evaluate({
    queries: dataset.queries.slice(0, limit),
    qrels,
    run,
    documents,
    rerankers: reranker && { [`reranked by ${options.model}`]: reranker },
    firstStageStrength: strength,
    onProgress: ({ done, total }) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done}/${total}${done === total ? "\r\x1b[K" : ""}`);
    },
  });
  return {
    dataset: dataset.name,
    firstStage,
    strength,
    perfectNdcg: await ndcgOf(dataset, perfectRun(run, qrels), limit),
    evaluation,
  };
}

function createReranker(): CrossEncoderReranker {
  const dtype = options.dtype as "fp32" | "int8" | undefined;
  return new CrossEncoderReranker({ model: options.model, dtype });
}

function folderOf(model: string): string {
  return model === "builtin" ? `models/${BUILTIN_RERANKER}` : model;
}
