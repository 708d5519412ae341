// Scores of real models against those that others published: npm run verify:models -- [--file golden-logits.json]
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { CrossEncoderReranker, PgVectorDBError } from "pgvectordb/rerankers";

const USAGE = `npm run verify:models -- [options]
  --file FILE        published logits (default: $PGVECTORDB_EVAL_DATA or ../shared/eval, and in it golden-logits.json)
  --cache-dir FOLDER where models are looked for (default: the Hugging Face cache)
  --tolerance X      largest difference of a logit (default 1e-3: the weights are fp32)
  --json             nothing but JSON on stdout

Models that are not in the cache are named and left out; nothing is downloaded. The exit code is 0 when no logit differs.`;

interface PublishedCase {
  readonly model: string;
  readonly query: string;
  readonly documents: readonly string[];
  readonly logits: readonly number[];
  readonly source: string;
}

interface Finding {
  readonly model: string;
  readonly status: "equal" | "differs" | "failed" | "absent";
  /** The largest difference of a logit, where the model was there. */
  readonly difference?: number;
  readonly note?: string;
}

const { values: options } = parseArgs({
  options: {
    file: { type: "string" },
    "cache-dir": { type: "string" },
    tolerance: { type: "string", default: "1e-3" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (options.help) console.log(USAGE);
else process.exitCode = await main();

async function main(): Promise<number> {
  const file = resolve(options.file ?? `${process.env["PGVECTORDB_EVAL_DATA"] ?? "../shared/eval"}/golden-logits.json`);
  if (!existsSync(file)) {
    console.error(`Nothing was verified: no published logits at ${file}. Give the file with --file.`);
    return options.file === undefined ? 0 : 2;
  }
  const tolerance = Number(options.tolerance);
  const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: readonly PublishedCase[] };
  const findings: Finding[] = [];
  for (const published of cases) {
    const finding = await verify(published, tolerance);
    findings.push(finding);
    if (!options.json) console.log(describe(finding));
  }
  if (options.json) console.log(JSON.stringify(findings));
  else console.log(summary(findings));
  return findings.some(({ status }) => status === "differs" || status === "failed") ? 1 : 0;
}

async function verify({ model, query, documents, logits }: PublishedCase, tolerance: number): Promise<Finding> {
  const cacheDir = options["cache-dir"];
  await using reranker = new CrossEncoderReranker({ model, dtype: "fp32", offline: true, cacheDir });
  try {
    const ranked = await reranker.rerank(query, documents);
    const differences = ranked.map(({ index, rawScore }) => Math.abs(rawScore - (logits[index] ?? Number.NaN)));
    const difference = Math.max(...differences);
    return { model, status: difference <= tolerance ? "equal" : "differs", difference };
  } catch (error) {
    if (!(error instanceof PgVectorDBError)) throw error;
    return { model, status: error.code === "model_not_found" ? "absent" : "failed", note: error.message };
  }
}

function describe({ model, status, difference, note }: Finding): string {
  if (status === "absent") return `not here  ${model}`;
  if (status === "failed") return `failed    ${model}: ${note}`;
  return `${status.padEnd(8)}  ${model}: largest difference ${difference?.toExponential(1)}`;
}

function summary(findings: readonly Finding[]): string {
  const count = (status: Finding["status"]) => findings.filter((finding) => finding.status === status).length;
  const absent = count("absent");
  const hint = absent > 0 ? " Fetch one with: npx pgvectordb models pull <model>" : "";
  return `${count("equal")} equal, ${count("differs")} different, ${count("failed")} failed, ${absent} not in the cache.${hint}`;
}
