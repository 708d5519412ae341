import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { EvaluationQuery, MetricName, Qrels } from "../evaluation/index.ts";
import type { CrossEncoderReranker } from "../rerankers/cross-encoder-reranker.ts";
import { firstStageStrength } from "../retrieval/first-stage-strength.ts";
import { EXIT_CODES_HELP, numberOption, wrongUsage } from "./command-arguments.ts";
import type { CommandIO } from "./command-io.ts";
import { formatEvaluations, type MethodEvaluation, toJson } from "./evaluation/format-evaluations.ts";
import { readQrels } from "./evaluation/read-qrels.ts";
import { retrieveDocuments } from "./evaluation/retrieve-documents.ts";
import { openCollection, openStore, STORE_HELP, STORE_OPTIONS } from "./open-store.ts";
import { createProgressBar, type ProgressBar } from "./progress-bar.ts";
import { ASPECT_HELP, ASPECT_OPTIONS, checkAspects, parseAspects } from "./space-arguments.ts";

const HELP = `Usage: pgvectordb eval --queries queries.jsonl --qrels qrels.tsv [options]

Measures how well a collection answers questions whose right documents are known: every first stage, and the same candidates
reranked, side by side, with 95 % bootstrap intervals of the difference and the time per query.

  --queries <path>      lines of {"_id", "text"} (BEIR)
  --qrels <path>        query id, document id and grade between tabs, after a header (BEIR), or TREC's four columns.
                        A document's id is its record's, or the id that it was added with
${STORE_HELP}  --method <name>       hybrid (default), semantic, keyword, trigram or multimodal; may be repeated
${ASPECT_HELP}  --model <model>       a cross-encoder to rerank with: a hub id, a folder or "builtin" (default); may be repeated
  --no-rerank           measure the first stages only
  --k <n>               candidates (default 100)
  --metric <name>       such as ndcg@10 (default), mrr@10, map, recall@100, precision@10, hit_rate@10; may be repeated
  --limit <n>           use the first n queries
  --json                print everything as one JSON object, each query's values included
  --help                print this
${EXIT_CODES_HELP}`;

const OPTIONS = {
  ...STORE_OPTIONS,
  ...ASPECT_OPTIONS,
  queries: { type: "string" },
  qrels: { type: "string" },
  method: { type: "string", multiple: true },
  model: { type: "string", multiple: true },
  "no-rerank": { type: "boolean", default: false },
  k: { type: "string" },
  metric: { type: "string", multiple: true },
  limit: { type: "string" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

const DEFAULT_CANDIDATES = 100;
const DEFAULT_METRICS = ["ndcg@10", "mrr@10", "recall@100"];

/** `pgvectordb eval`: does reranking help here? @throws PgVectorDBError, or what `parseArgs` throws */
export async function evalCommand(argv: readonly string[], io: CommandIO): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  if (positionals.length > 0) throw wrongUsage("eval", "expected options only");
  const { queries: queriesPath, qrels: qrelsPath } = values;
  if (queriesPath === undefined || qrelsPath === undefined) throw wrongUsage("eval", "expected --queries and --qrels");
  const limit = numberOption("eval", "limit", values.limit);
  const { readBeirQueries } = await import("../evaluation/index.ts");
  const queries = await readBeirQueries(resolve(io.cwd, queriesPath), { signal: io.signal });
  const qrels = await readQrels(resolve(io.cwd, qrelsPath), { signal: io.signal });
  const evaluations = await evaluateMethods(queries.slice(0, limit), qrels, values, io);
  io.stdout.write(values.json ? `${JSON.stringify(toJson(evaluations))}\n` : formatEvaluations(evaluations));
  return 0;
}

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>["values"];

async function evaluateMethods(
  queries: readonly EvaluationQuery[],
  qrels: Qrels,
  values: Values,
  io: CommandIO,
): Promise<MethodEvaluation[]> {
  const k = numberOption("eval", "k", values.k) ?? DEFAULT_CANDIDATES;
  const methods = values.method ?? ["hybrid"];
  const isMultimodal = methods.includes("multimodal");
  checkAspects("eval", isMultimodal, values);
  const models = values["no-rerank"] ? [] : (values.model ?? ["builtin"]);
  // Names of metrics are the library's to check.
  const metrics = (values.metric ?? DEFAULT_METRICS) as readonly MetricName[];
  const { signal } = io;
  await using db = await openStore(values, io);
  await using opened = await openCollection(db, values, io);
  const { collection } = opened;
  const aspects = isMultimodal ? parseAspects("eval", values, collection.info.spaces) : undefined;
  const rerankers = await loadRerankers(models);
  const { evaluate } = await import("../evaluation/index.ts");
  const evaluations: MethodEvaluation[] = [];
  try {
    // Before the first query, whose time would else hold the loading.
    for (const reranker of Object.values(rerankers)) await reranker.load({ signal });
    const semanticWeight = aspects?.weights["semantic"] ?? 1;
    for (const method of methods) {
      let bar: ProgressBar | undefined;
      const evaluation = await evaluate({
        queries,
        qrels,
        retrieve: (query, call) => retrieveDocuments(collection, method, query, { k, aspects, signal: call.signal }),
        rerankers,
        firstStageStrength: firstStageStrength({ method, semanticWeight }, opened.embedder),
        depth: k,
        metrics,
        signal,
        onProgress: ({ done, total }) => {
          bar ??= createProgressBar(`Evaluating ${method}`, total, io.stderr);
          bar.update(done);
        },
      });
      bar?.end();
      evaluations.push({ method, evaluation });
    }
    return evaluations;
  } finally {
    for (const reranker of Object.values(rerankers)) await reranker.close();
  }
}

async function loadRerankers(models: readonly string[]): Promise<Record<string, CrossEncoderReranker>> {
  const { CrossEncoderReranker } = await import("../rerankers/cross-encoder-reranker.ts");
  return Object.fromEntries(models.map((model) => [model, new CrossEncoderReranker({ model })]));
}
