import type { SearchContext } from "../collection-context.ts";
import type { Candidates, HitStages, SearchHit, SearchTimings, StageScore } from "../contracts/collection.ts";
import { throwIfAborted } from "../deadline.ts";
import { distanceSql } from "../search/distance.ts";
import type { CandidateRow } from "../search/search-statements.ts";
import { comparesVectors, embedQueries } from "./embed-query.ts";
import type { RetrievalPlan } from "./search-options.ts";
import { type Question, settingsOf, spaceNames, statementOf } from "./statement-of.ts";

export interface Retrieval<Metadata extends object> {
  readonly hits: readonly SearchHit<Metadata>[];
  readonly candidates: Candidates;
  readonly timings: Pick<SearchTimings, "embedMs" | "retrievalMs">;
}

/** The first stage: embeds the query when the method needs it, and takes the candidates in one statement. */
export async function retrieve<Metadata extends object>(
  context: SearchContext,
  query: string,
  plan: RetrievalPlan,
  signal: AbortSignal,
): Promise<Retrieval<Metadata>> {
  const startedAt = performance.now();
  const vectors = await embedQueries(context, query, plan, signal);
  throwIfAborted(signal);
  const embeddedAt = performance.now();
  const { rows } = await runPlan(context, plan, { query, vectors, now: new Date() }, signal);
  const hits = rows.map((row, position) => toHit<Metadata>(row, position, plan, context));
  return {
    hits,
    candidates: { requested: plan.k, returned: hits.length },
    timings: { embedMs: embeddedAt - startedAt, retrievalMs: performance.now() - embeddedAt },
  };
}

/** One statement of a search. */
export interface Attempt {
  readonly plan: RetrievalPlan;
  readonly exact: boolean;
}

/** The trigram index tells texts that are this much alike from the others without reading most of them. */
const SELECTIVE_SIMILARITY = 0.6;

/**
 * A vector index may find fewer candidates than there are, most of all behind a selective filter: a short answer of one is
 * asked for again exactly, filter first. A fuzzy search begins with what is most alike: when that is enough, it is the answer.
 */
export async function runPlan(
  context: SearchContext,
  plan: RetrievalPlan,
  question: Question,
  signal: AbortSignal,
): Promise<{ readonly rows: CandidateRow[]; readonly attempts: readonly Attempt[] }> {
  const attempts: Attempt[] = [];
  const run = (attempt: Attempt) => {
    attempts.push(attempt);
    const statement = statementOf(context, attempt.plan, question, attempt.exact);
    const settings = settingsOf(context, attempt.plan, attempt.exact);
    return context.database.query<CandidateRow>(statement, { signal, settings });
  };
  if (plan.method === "trigram" && plan.minSimilarity < SELECTIVE_SIMILARITY) {
    const rows = await run({ plan: { ...plan, minSimilarity: SELECTIVE_SIMILARITY }, exact: plan.exact });
    if (rows.length === plan.k) return { rows, attempts };
  }
  const rows = await run({ plan, exact: plan.exact });
  const [first] = rows;
  const mayBeShort = first === undefined || (first.approximate && first.semantic_count < plan.k);
  if (!(comparesVectors(plan) && !plan.exact && mayBeShort)) return { rows, attempts };
  return { rows: await run({ plan, exact: true }), attempts };
}

function toHit<Metadata extends object>(
  row: CandidateRow,
  position: number,
  plan: RetrievalPlan,
  { target }: SearchContext,
): SearchHit<Metadata> {
  const { toScore } = distanceSql(target.distance);
  const names = plan.method === "multimodal" ? spaceNames(plan) : [];
  const stages: HitStages = {
    ...stage("semantic", row.distance, row.semantic_rank, toScore),
    ...stage("keyword", row.bm25, row.keyword_rank, (bm25) => 0 - bm25),
    ...stage("trigram", row.similarity, row.trigram_rank),
    ...stage(plan.method === "multimodal" ? "multimodal" : "hybrid", row.fused, position + 1),
    ...(names.length === 0 ? {} : { spaces: spaceStages(row, names) }),
  };
  const score = stages[plan.method]?.score ?? 0;
  return { id: row.id, content: row.content, metadata: row.metadata as Metadata, score, stages };
}

function stage(
  name: "semantic" | "keyword" | "trigram" | "hybrid" | "multimodal",
  value: number | null | undefined,
  rank: number | null | undefined,
  toScore = (score: number) => score,
): Partial<Record<typeof name, StageScore>> {
  if (value === null || value === undefined || rank === null || rank === undefined) return {};
  return { [name]: { score: toScore(value), rank } };
}

function spaceStages(row: CandidateRow, names: readonly string[]): Record<string, StageScore> {
  const { space_scores: scores = [], space_ranks: ranks = [] } = row;
  return Object.fromEntries(names.map((name, index) => [name, { score: scores[index] ?? 0, rank: ranks[index] ?? 0 }]));
}
