import { PgVectorDBError } from "../errors.ts";

const OPTION_NAMES: ReadonlySet<string> = new Set([
  "queries",
  "qrels",
  "retrieve",
  "run",
  "documents",
  "rerankers",
  "firstStageStrength",
  "depth",
  "metrics",
  "minGrade",
  "bootstrap",
  "signal",
  "onProgress",
]);

/** Checks what `evaluate` checks itself; its parts check theirs. @throws PgVectorDBError `invalid_argument` */
export function checkEvaluateOptions(options: unknown): void {
  if (typeof options !== "object" || options === null) throw invalid("`options` must be an object.");
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.has(name)) throw invalid(`Unknown option \`${name}\`. Known: ${[...OPTION_NAMES].join(", ")}.`);
  }
  const { queries, qrels, rerankers, firstStageStrength, depth, metrics, onProgress } = options as Partial<
    Record<string, unknown>
  >;
  checkQueries(queries);
  if (!(qrels instanceof Map)) throw invalid("`qrels` must be a Map from query id to a Map from document id to grade.");
  if (!queriesOf(queries).some(({ id }) => qrels.get(id) instanceof Map)) {
    throw invalid("`qrels` has no judgements for any of the `queries`: check that both use the same ids.");
  }
  if (rerankers !== undefined && (typeof rerankers !== "object" || rerankers === null || Array.isArray(rerankers))) {
    throw invalid("`rerankers` must be an object from name to reranker.");
  }
  if (firstStageStrength !== undefined && firstStageStrength !== "modest" && firstStageStrength !== "strong") {
    throw invalid("`firstStageStrength` must be one of: modest, strong.");
  }
  if (depth !== undefined && !(Number.isSafeInteger(depth) && (depth as number) >= 1)) {
    throw invalid("`depth` must be a positive integer.");
  }
  if (metrics !== undefined && !(Array.isArray(metrics) && metrics.length > 0)) {
    throw invalid('`metrics` must be an array of names such as "ndcg@10", and not empty.');
  }
  if (onProgress !== undefined && typeof onProgress !== "function") throw invalid("`onProgress` must be a function.");
}

function checkQueries(queries: unknown): void {
  if (!Array.isArray(queries)) throw invalid("`queries` must be an array of `{ id, text }`.");
  const ids = new Set<string>();
  for (const [index, query] of queries.entries()) {
    const { id, text } = (query ?? {}) as Partial<Record<string, unknown>>;
    if (typeof id !== "string" || typeof text !== "string") {
      throw invalid(`\`queries[${index}]\` must have the strings \`id\` and \`text\`.`);
    }
    if (ids.has(id)) throw invalid(`\`queries[${index}]\` has the same id as an earlier one.`);
    ids.add(id);
  }
}

function queriesOf(checked: unknown): readonly { readonly id: string }[] {
  return checked as readonly { readonly id: string }[];
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
