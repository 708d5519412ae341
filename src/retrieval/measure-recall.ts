import sql from "sql-template-tag";
import { checkOptionNames, checkText, invalidArgument } from "../check-options.ts";
import type { SearchContext } from "../collection-context.ts";
import type { RecallReport } from "../contracts/collection.ts";
import { approximate } from "../search/arms.ts";
import { retrieve } from "./retrieve.ts";
import type { RetrievalPlan } from "./search-options.ts";

/** Two distances that differ by less are of the same length: an index and a plain scan may round differently. */
const SAME_SCORE = 1e-6;

/** @throws PgVectorDBError `invalid_argument` */
export function checkRecallArguments(queries: unknown, options: object): string[] {
  if (!Array.isArray(queries) || queries.length === 0) {
    throw invalidArgument("`queries` must be an array of texts, at least one.");
  }
  checkOptionNames(options, ["k", "where", "signal", "timeoutMs"]);
  return queries.map((query: unknown, position) => checkText(`queries[${position}]`, query));
}

/**
 * Every query twice: as a search asks it, and exactly. A document that is as near as the last of the exact answer counts as
 * found, whichever of several equally near ones it is.
 */
export async function measureRecall(
  context: SearchContext,
  queries: readonly string[],
  plan: RetrievalPlan,
  signal: AbortSignal,
): Promise<RecallReport> {
  const perQuery: number[] = [];
  const times: { found: number[]; exact: number[] } = { found: [], exact: [] };
  for (const query of queries) {
    const found = await retrieve(context, query, plan, signal);
    const exact = await retrieve(context, query, { ...plan, exact: true }, signal);
    const last = exact.hits.at(-1);
    const near = last === undefined ? [] : found.hits.filter(({ score }) => score >= last.score - SAME_SCORE);
    perQuery.push(last === undefined ? 1 : Math.min(1, near.length / exact.hits.length));
    times.found.push(found.timings.retrievalMs);
    times.exact.push(exact.timings.retrievalMs);
  }
  return {
    recall: perQuery.reduce((sum, recall) => sum + recall, 0) / perQuery.length,
    perQuery,
    k: plan.k,
    indexed: await isIndexed(context, signal),
    medianMs: median(times.found),
    exactMedianMs: median(times.exact),
  };
}

async function isIndexed({ database, target }: SearchContext, signal: AbortSignal): Promise<boolean> {
  const statement = sql`SELECT ${approximate(target, false)} AS indexed`;
  const [row] = await database.query<{ indexed: boolean }>(statement, { signal });
  return row?.indexed === true;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
