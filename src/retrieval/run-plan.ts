import type { SearchContext } from "../collection-context.ts";
import type { CandidateRow } from "../search/search-statements.ts";
import { comparesVectors } from "./embed-query.ts";
import type { RetrievalPlan } from "./search-options.ts";
import { type Attempt, type Question, settingsOf, statementOf } from "./statement-of.ts";

/** Runs the statement of a plan, and one that looks further when it found too little. */
export async function runPlan(
  context: SearchContext,
  plan: RetrievalPlan,
  question: Question,
  signal: AbortSignal,
): Promise<{ readonly rows: CandidateRow[]; readonly attempts: readonly Attempt[] }> {
  const attempts: Attempt[] = [];
  const run = (attempt: Attempt) => {
    attempts.push(attempt);
    const settings = settingsOf(context, attempt);
    return context.database.query<CandidateRow>(statementOf(context, attempt, question), { signal, settings });
  };
  const [first, second] = attemptsOf(context, plan);
  const rows = await run(first);
  if (second === undefined || !isShort(rows, plan)) return { rows, attempts };
  const more = await run(second);
  return { rows: more.length < rows.length ? rows : more, attempts };
}

/**
 * A vector index may find fewer candidates than there are, most of all behind a selective filter: a short answer of one is
 * asked for again exactly, filter first. A fuzzy search begins with what is most alike: when that is enough, it is the answer.
 */
function attemptsOf({ target }: SearchContext, plan: RetrievalPlan): readonly [Attempt, Attempt?] {
  const whole: Attempt = { plan, exact: plan.exact };
  if (plan.exact) return [whole];
  if (plan.method !== "trigram") return comparesVectors(plan) ? [whole, { plan, exact: true }] : [whole];
  if (target.vocabulary !== undefined)
    return [
      { ...whole, reach: near(plan) },
      { ...whole, reach: far(plan) },
    ];
  if (plan.minSimilarity >= SELECTIVE_SIMILARITY) return [whole];
  return [{ plan: { ...plan, minSimilarity: SELECTIVE_SIMILARITY }, exact: false }, whole];
}

/** The trigram index tells texts that are this much alike from the others without reading most of them. */
const SELECTIVE_SIMILARITY = 0.6;

/**
 * Texts compared beyond those asked for. The more, the more of those are found that are alike across several words: of the best 10
 * of 25,000 passages 51 % with 100, 80 % with 400, 87 % with 900, at a tenth of a millisecond each.
 */
const SPARE = 400;

function near({ k }: RetrievalPlan): NonNullable<Attempt["reach"]> {
  return { perWord: 1000 + 10 * k, compared: SPARE + 2 * k };
}

/** Where few of the compared are alike enough, as for a whole question, more are; behind a filter, most often all that pass it. */
function far(plan: RetrievalPlan): NonNullable<Attempt["reach"]> {
  const { perWord, compared } = near(plan);
  return { perWord, compared: 4 * compared };
}

function isShort(rows: readonly CandidateRow[], plan: RetrievalPlan): boolean {
  const [first] = rows;
  if (plan.method === "trigram") return rows.length < plan.k && first?.partial !== false;
  return first === undefined || (first.approximate && first.semantic_count < plan.k);
}
