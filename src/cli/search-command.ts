import { parseArgs } from "node:util";
import type { Collection } from "../collection.ts";
import type { RerankSearchOptions, SearchHit, SearchResult } from "../contracts/collection.ts";
import { EXIT_CODES_HELP, jsonOption, numberOption, wrongUsage } from "./command-arguments.ts";
import type { CommandIO } from "./command-io.ts";
import { openCollection, openStore, STORE_HELP, STORE_OPTIONS } from "./open-store.ts";
import { searchBy } from "./search-by.ts";
import { ASPECT_HELP, ASPECT_OPTIONS, type Aspects, checkAspects, parseAspects } from "./space-arguments.ts";

const HELP = `Usage: pgvectordb search "query" [options]

Takes candidates from the database, reranks them and prints the best.

${STORE_HELP}  --method <name>       hybrid (default), semantic, keyword, trigram (forgives typing errors) or multimodal
${ASPECT_HELP}  --k <n>               candidates from the database (default 100)
  --top-k <n>           print the best n (default 5)
  --model <model>       the cross-encoder: a hub id, a folder or "builtin" (default)
  --no-rerank           print the database's own order
  --where <json>        only documents whose metadata match: '{"price":{"$lt":200}}'
  --threshold <0..1>    print what scores at least this after reranking
  --first-stage-weight <0..10>
                        what the database's order counts beside the model (default: what the model says)
  --json                print the result as one JSON object
  --help                print this
${EXIT_CODES_HELP}`;

const OPTIONS = {
  ...STORE_OPTIONS,
  ...ASPECT_OPTIONS,
  method: { type: "string", default: "hybrid" },
  k: { type: "string" },
  "top-k": { type: "string" },
  model: { type: "string", default: "builtin" },
  "no-rerank": { type: "boolean", default: false },
  where: { type: "string" },
  threshold: { type: "string" },
  "first-stage-weight": { type: "string" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

const DEFAULT_TOP_K = 5;
const SHOWN_CHARACTERS = 300;

/** `pgvectordb search`: one question to a collection. @throws PgVectorDBError, or what `parseArgs` throws */
export async function searchCommand(argv: readonly string[], io: CommandIO): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const [query, ...surplus] = positionals;
  if (query === undefined || surplus.length > 0) {
    throw wrongUsage(
      "search",
      `expected one query${query === undefined ? "" : ` but got ${positionals.length}: quote it`}`,
    );
  }
  const settings = {
    k: numberOption("search", "k", values.k),
    topK: numberOption("search", "top-k", values["top-k"]) ?? DEFAULT_TOP_K,
    threshold: numberOption("search", "threshold", values.threshold),
    firstStageWeight: numberOption("search", "first-stage-weight", values["first-stage-weight"]),
    where: jsonOption("search", "where", values.where) as Record<string, never> | undefined,
  };
  const isMultimodal = values.method === "multimodal";
  checkAspects("search", isMultimodal, values);
  await using db = await openStore(values, io);
  await using opened = await openCollection(db, values, io);
  const { collection } = opened;
  const aspects = isMultimodal ? parseAspects("search", values, collection.info.spaces) : undefined;
  const result = values["no-rerank"]
    ? await firstStage(collection, query, values.method, { ...settings, aspects }, io)
    : await reranked(collection, query, values, { ...settings, aspects }, io);
  if (values.json) io.stdout.write(`${JSON.stringify(result)}\n`);
  else if (result.hits.length === 0) io.stderr.write("Nothing was found.\n");
  else for (const [position, hit] of result.hits.entries()) io.stdout.write(format(hit, position));
  return 0;
}

interface Settings {
  readonly k: number | undefined;
  readonly topK: number;
  readonly threshold: number | undefined;
  readonly firstStageWeight: number | undefined;
  readonly where: Record<string, never> | undefined;
  readonly aspects: Aspects | undefined;
}

type Values = { readonly method: string; readonly model: string };
type Found = SearchResult<Record<string, unknown>>;

async function reranked(
  collection: Collection,
  query: string,
  { method, model }: Values,
  { k, topK, aspects, ...settings }: Settings,
  { signal }: CommandIO,
): Promise<Found> {
  // The model runtime is loaded by those who rerank.
  const { CrossEncoderReranker } = await import("../rerankers/cross-encoder-reranker.ts");
  await using reranker = new CrossEncoderReranker({ model });
  const options = { method, k, rerankTopK: topK, ...settings, ...aspects, reranker, signal };
  // Whether there is such a method is the library's to check.
  return await collection.rerankSearch(query, options as RerankSearchOptions<Record<string, unknown>>);
}

async function firstStage(
  collection: Collection,
  query: string,
  method: string,
  { topK: k, where, threshold, firstStageWeight, aspects }: Settings,
  { signal }: CommandIO,
): Promise<Found> {
  if (threshold !== undefined)
    throw wrongUsage("search", "--threshold compares reranked scores; leave --no-rerank out");
  if (firstStageWeight !== undefined)
    throw wrongUsage("search", "--first-stage-weight goes beside a reranker; leave --no-rerank out");
  return searchBy(collection, method, query, { k, where, aspects, signal });
}

function format({ id, score, content, metadata }: SearchHit<Record<string, unknown>>, position: number): string {
  const { headings } = (metadata["source"] ?? {}) as { headings?: unknown };
  const place = [id, ...(Array.isArray(headings) ? headings : [])].join(" > ");
  const text = content.replaceAll(/\s+/g, " ").trim();
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS - 1)}…` : text;
  return `${position + 1}. ${score.toFixed(4)}  ${place}\n   ${shown}\n`;
}
