import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { createReranker, type RerankedDocument } from "../rerankers/index.ts";
import { EXIT_CODES_HELP, numberOption, wrongUsage } from "./command-arguments.ts";
import type { CommandIO } from "./command-io.ts";
import { type InputDocument, readDocuments } from "./read-documents.ts";

const USAGE = `Usage: pgvectordb rerank <query> [--file documents.jsonl] [options]

Orders documents by relevance to the query, best first. Documents are read from --file or from standard input, one a line:
JSON objects with a "content", JSON strings, or plain text.

  --backend <name>      cross_encoder (default), huggingface, cohere, voyage, jina, bedrock, tei, vllm, http
  --model <name>        the backend's model; the built-in one when no --backend is given
  --file <path>         where the documents are; "-" is standard input (default)
  --field <name>        rank by this field instead of "content"; may be repeated, the most telling first
  --top-k <n>           print the best n
  --threshold <0..1>    print what scores at least this
  --base-url <url>      where the service is (tei, vllm, http need it)
  --region <name>       AWS region (bedrock)
  --timeout-ms <n>      give up after this long
  --json                print one JSON object instead of a table
  --help                print this

Keys come from the environment: COHERE_API_KEY, VOYAGE_API_KEY, JINA_API_KEY, TEI_API_KEY, VLLM_API_KEY, RERANK_API_KEY, and AWS's own.
${EXIT_CODES_HELP}`;

const OPTIONS = {
  backend: { type: "string" },
  model: { type: "string" },
  file: { type: "string" },
  field: { type: "string", multiple: true },
  "top-k": { type: "string" },
  threshold: { type: "string" },
  "base-url": { type: "string" },
  region: { type: "string" },
  "timeout-ms": { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** `pgvectordb rerank`: orders documents from a file or a pipe. @throws PgVectorDBError, or what `parseArgs` throws */
export async function rerankCommand(argv: readonly string[], io: CommandIO): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help) {
    io.stdout.write(USAGE);
    return 0;
  }
  const [query, ...surplus] = positionals;
  if (query === undefined || surplus.length > 0) {
    throw wrongUsage(
      "rerank",
      `expected one query${query === undefined ? "" : ` but got ${positionals.length}: quote it`}`,
    );
  }
  const options = {
    topK: numberOption("rerank", "top-k", values["top-k"]),
    threshold: numberOption("rerank", "threshold", values.threshold),
    timeoutMs: numberOption("rerank", "timeout-ms", values["timeout-ms"]),
    signal: io.signal,
  };
  await using reranker = makeReranker(values);
  const { file = "-" } = values;
  const documents = await readDocuments(file === "-" ? io.stdin : resolve(io.cwd, file));
  const result = await reranker.rerankDetailed(query, documents, options);
  if (values.json) io.stdout.write(`${JSON.stringify(result)}\n`);
  else for (const document of result.documents) io.stdout.write(toLine(document, values.field));
  return 0;
}

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>["values"];

function makeReranker(values: Values) {
  const {
    backend = "cross_encoder",
    model = values.backend === undefined ? "builtin" : undefined,
    region,
    field,
  } = values;
  const isBedrock = /^(?:aws[_-])?bedrock$|^aws$/i.test(backend);
  const options = {
    [isBedrock ? "modelId" : "model"]: model,
    baseUrl: values["base-url"],
    region,
    fields: field,
  };
  // Only what was given: an option that a backend does not have is an error there.
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return createReranker(backend, given);
}

function toLine(document: RerankedDocument<InputDocument>, fields: readonly string[] = ["content"]): string {
  const shown = fields.map((field) => document[field]).filter((value) => value !== undefined);
  const text = shown.join(" · ").replace(/\s+/g, " ").trim();
  return `${document.score.toFixed(4)}  ${text.length > 110 ? `${text.slice(0, 109)}…` : text}\n`;
}
