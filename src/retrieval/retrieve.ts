import type { SearchContext } from "../collection-context.ts";
import type { Candidates, HitStages, SearchHit, SearchTimings, StageScore } from "../contracts/collection.ts";
import { throwIfAborted } from "../deadline.ts";
import { distanceSql } from "../search/distance.ts";
import type { CandidateRow } from "../search/search-statements.ts";
import { embedQueries } from "./embed-query.ts";
import { runPlan } from "./run-plan.ts";
import type { RetrievalPlan } from "./search-options.ts";
import { spaceNames } from "./statement-of.ts";

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
