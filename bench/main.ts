// The speed of the main job, each part in a process of its own: npm run bench:main -- [--rounds 3] [--json]
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine, printMachine } from "./machine.ts";
import { type MeasuredProcess, runMeasured } from "./measured-process.ts";

const CLI = "dist/cli/bin.js";
const QUESTION = "how do I stop a request that takes too long?";
const ASK_TWICE = fileURLToPath(new URL("./ask-twice.js", import.meta.url));
const IMPORTS_PER_ROUND = 5;

interface Measurement {
  readonly name: string;
  readonly unit: "ms" | "MB";
  /** What the figure must stay under. */
  readonly bar: number | undefined;
  readonly values: number[];
}

interface AskedAgain {
  readonly totalMs: number;
  readonly answerMs: number;
}

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, json: { type: "boolean", default: false } },
});

const measurements = {
  firstRun: measurement("first demo run, index made", "ms", 90_000),
  laterRun: measurement("demo run over the same index, whole process", "ms"),
  askedAgain: measurement("question asked again in one process", "ms", 1_000),
  answered: measurement("  of which rerank", "ms"),
  importTime: measurement('import "pgvectordb/rerankers"', "ms", 50),
  firstMemory: measurement("peak memory, first run", "MB", 900),
  laterMemory: measurement("peak memory, later run", "MB", 900),
};

const machine = describeMachine(["onnxruntime-node", "@electric-sql/pglite", "@electric-sql/pglite-pgvector"]);
if (!options.json) printMachine(machine);
// Rounds, so that a slow minute of the machine falls on every part and not on one.
for (let round = 0; round < Number(options.rounds); round++) {
  await measureImport();
  if (existsSync(CLI)) await measureDemo();
  else if (round === 0) console.error(`The demo was not measured: there is no ${CLI}.`);
}
report();

async function measureImport(): Promise<void> {
  const code =
    "const start = performance.now(); await import('pgvectordb/rerankers'); console.log(performance.now() - start)";
  for (let time = 0; time < IMPORTS_PER_ROUND; time++) {
    const { stdout } = await runMeasured(["--input-type=module", "-e", code]);
    measurements.importTime.values.push(Number(stdout));
  }
}

async function measureDemo(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "pgvectordb-demo-"));
  const demo = [CLI, "demo", "--json", "--data-dir", folder, QUESTION];
  try {
    record(await runMeasured(demo), measurements.firstRun.values, measurements.firstMemory.values);
    record(await runMeasured(demo), measurements.laterRun.values, measurements.laterMemory.values);
    const { stdout } = await runMeasured([ASK_TWICE, folder, QUESTION]);
    const { totalMs, answerMs }: AskedAgain = JSON.parse(stdout);
    measurements.askedAgain.values.push(totalMs);
    measurements.answered.values.push(answerMs);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function measurement(name: string, unit: Measurement["unit"], bar?: number): Measurement {
  return { name, unit, bar, values: [] };
}

function record({ stdout, wallMs, peakMemoryMb }: MeasuredProcess, times: number[], memory: number[]): void {
  JSON.parse(stdout);
  times.push(wallMs);
  memory.push(peakMemoryMb);
}

function report(): void {
  const rows = Object.entries(measurements).map(([key, { name, unit, bar, values }]) => {
    const sorted = values.toSorted((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)];
    return { key, name, unit, bar, runs: values.length, median, lowest: sorted[0], highest: sorted.at(-1) };
  });
  if (options.json) {
    console.log(JSON.stringify({ machine, measurements: rows }, null, 2));
    return;
  }
  for (const { name, unit, bar, runs, median, lowest, highest } of rows) {
    const figures =
      median === undefined
        ? "not measured"
        : `${median.toFixed(0)} ${unit} median of ${runs} (${lowest?.toFixed(0)}..${highest?.toFixed(0)})`;
    console.log(`${name.padEnd(46)} ${figures}${bar === undefined ? "" : `, bar ${bar} ${unit}`}`);
  }
}
