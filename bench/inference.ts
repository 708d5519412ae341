// Local models: speed, side by side with others, the event loop and memory.
import { existsSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { loadTokenizer } from "../src/tokenizers/load-tokenizer.ts";
import { type Contestant, type ContestantFiles, listContestants, listEmbedders, scriptPath } from "./contestants.ts";
import { type Figure, failedFigures, printFigure } from "./figure.ts";
import { concurrentFigures, freeLoopFigures, manyCallsFigures } from "./inference-behaviour.ts";
import { differenceFigure, type RaceReport, raceFigures } from "./inference-report.ts";
import { describeMachine, printMachine } from "./machine.ts";
import { multiplyAdds } from "./model-operations.ts";
import { type Runner, race, startRunners } from "./race.ts";
import { readScoreRequests, type ScoreRequest, type ScoreRequests } from "./score-requests.ts";
import { type BertShape, readBertShape, seededModel } from "./seeded-model.ts";
import { TimedProcess } from "./timed-process.ts";

const USAGE = `npm run bench:inference -- [options]
  --model NAME    a folder or a hub id (default: a 6-layer MiniLM with random weights, made here)
  --data FOLDER   evaluation data, for its passages (default: $PGVECTORDB_EVAL_DATA, then ../shared/eval, else docs/)
  --only PART     short, long, embed, loop, calls or concurrent
  --rounds N      of each race (default 5)
  --quick         fewer rounds and texts: figures to look at, not to quote
  --json          nothing but JSON on stdout
Peers that are not installed are skipped by name; node bench/peers/install.mjs installs them, or PGVECTORDB_BENCH_PYTHON
names a Python that has sentence-transformers.`;

const WORK_FOLDER = "build/bench-inference";
const MAX_TOKENS = 512;
const { values: options } = parseArgs({
  options: {
    model: { type: "string" },
    data: { type: "string" },
    only: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 3 : 5));
const counts = options.quick
  ? { short: 20, long: 2, all: 10, calls: 500 }
  : { short: 100, long: 24, all: 200, calls: 2000 };

const PARTS = ["short", "long", "embed", "loop", "calls", "concurrent"];

if (options.help) console.log(USAGE);
else if (options.only !== undefined && !PARTS.includes(options.only))
  throw new Error(`--only takes ${PARTS.join(", ")}.`);
else await main();

async function main(): Promise<void> {
  const machine = describeMachine(["onnxruntime-node", "tokenizers"]);
  if (!options.json) printMachine(machine);
  await mkdir(WORK_FOLDER, { recursive: true });
  const model = options.model ?? (await seededModel(WORK_FOLDER));
  const data = resolve(options.data ?? process.env["PGVECTORDB_EVAL_DATA"] ?? "../shared/eval");
  const { requests, source } = await readScoreRequests(data, counts);
  const files = await benchFiles(model, requests);
  const skipped: Record<string, string> = {};
  const figures: Figure[] = [];
  for await (const figure of measureAll(files, requests, skipped)) {
    figures.push(figure);
    if (!options.json) printFigure(figure);
  }
  if (options.json) {
    console.log(JSON.stringify({ machine, model, passages: source, rounds, skipped, figures }, null, 2));
  } else {
    console.log(`passages of ${source}`);
  }
  const [failed] = failedFigures(figures);
  if (failed !== undefined) throw new Error(`${failed.name} is ${failed.value}.`);
}

async function benchFiles(model: string, requests: ScoreRequests): Promise<ContestantFiles> {
  // Of this run's own: a second bench at the same time must not change what the first one's processes read.
  const temporary = await mkdtemp(join(tmpdir(), "pgvectordb-bench-"));
  process.once("exit", () => rmSync(temporary, { recursive: true, force: true }));
  const path = join(temporary, "requests.json");
  await writeFile(path, JSON.stringify(requests));
  return {
    model,
    requests: path,
    cacheDir: join(WORK_FOLDER, "cache"),
    exported: join(WORK_FOLDER, `exported-${basename(model)}`),
  };
}

/** @param skipped takes who could not take part, and why */
async function* measureAll(
  files: ContestantFiles,
  requests: ScoreRequests,
  skipped: Record<string, string>,
): AsyncGenerator<Figure, void, undefined> {
  const scoring = (["short", "long"] as const).filter(asked);
  const embedding = (["embed"] as const).filter(asked);
  for (const [names, list] of [
    [scoring, () => [...listContestants(files), peak(files.requests)]],
    [embedding, () => listEmbedders(files)],
  ] as const) {
    if (names.length === 0) continue;
    const runners = await startRunners(list(), "warm", (name, reason) => {
      skipped[name] = reason;
      if (!options.json) console.log(`${name} is skipped: ${reason}`);
    });
    if (!options.json) describeRunners(runners);
    try {
      for (const name of names) yield* await raceAll(files.model, requests, name, runners);
    } finally {
      await Promise.all(runners.map(({ process }) => process.stop()));
    }
  }
  if (asked("loop")) yield* await freeLoopFigures(files, counts.all);
  if (asked("calls")) yield* await manyCallsFigures(files, counts.calls);
  if (asked("concurrent")) yield* await concurrentFigures(files, rounds);
}

function asked(part: string): boolean {
  return options.only === undefined || options.only === part;
}

function peak(requests: string): Contestant {
  const args = [scriptPath("run-matrix-peak"), join(WORK_FOLDER, "products"), requests];
  return {
    key: "peak",
    name: "ONNX Runtime's products alone",
    start: () => TimedProcess.start(process.execPath, args),
    missing: undefined,
  };
}

function describeRunners(runners: readonly Runner[]): void {
  console.log(`${runners.map(({ process: { description } }) => description).join("; ")}`);
  console.log(`medians of ${rounds} rounds, interleaved; ratios are the medians of the rounds' own`);
}

async function raceAll(
  model: string,
  requests: ScoreRequests,
  request: RaceReport["request"],
  runners: readonly Runner[],
): Promise<Figure[]> {
  // One batch of many long texts is gigabytes of attention scores.
  const able = request === "short" ? runners : runners.filter(({ key }) => !key.startsWith("onebatch"));
  const operations = request === "embed" ? undefined : await countOperations(model, requests[request]);
  const report = { request, runners: able, result: await race(able, request, rounds), multiplyAdds: operations };
  const difference = differenceFigure(report);
  return difference === undefined ? raceFigures(report) : [...raceFigures(report), difference];
}

/** Undefined for models of another kind, and for hub ids, whose files are elsewhere. */
async function countOperations(model: string, { query, texts }: ScoreRequest): Promise<number | undefined> {
  const shape: BertShape | undefined = existsSync(model) ? await readBertShape(model) : undefined;
  if (shape === undefined) return undefined;
  const tokenizer = await loadTokenizer(await readFile(join(model, "tokenizer.json"), "utf8"));
  const queryTokens = (await tokenizer.encode(query)).length;
  let [sum, tokens] = [0, 0];
  for (const text of texts) {
    const length = Math.min(MAX_TOKENS, 3 + queryTokens + (await tokenizer.encode(text)).length);
    tokens += length;
    sum += multiplyAdds(shape, length);
  }
  if (!options.json) console.log(`\n${texts.length} pairs of ${(tokens / texts.length).toFixed(0)} tokens on average`);
  return sum;
}
