import type { Sql } from "sql-template-tag";
import { invalidArgument } from "../check-options.ts";
import type { SearchContext } from "../collection-context.ts";
import type { Candidates, HitStages, SearchHit, SearchTimings } from "../contracts/collection.ts";
import type { Embedder, Vector } from "../contracts/embedder.ts";
import { throwIfAborted } from "../deadline.ts";
import { embedQuery } from "../embed-texts.ts";
import { searchSettings } from "../search/arms.ts";
import { distanceSql } from "../search/distance.ts";
import {
  type CandidateRow,
  hybridStatement,
  keywordStatement,
  semanticStatement,
} from "../search/search-statements.ts";
import type { RetrievalPlan } from "./search-options.ts";

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
  const vector = plan.method === "keyword" ? undefined : await embedQuery(embedderOf(context), query, signal);
  throwIfAborted(signal);
  const embeddedAt = performance.now();
  const rows = await runPlan(context, query, vector, plan, signal);
  const hits = rows.map((row, position): SearchHit<Metadata> => toHit<Metadata>(row, position, plan, context));
  return {
    hits,
    candidates: { requested: plan.k, returned: hits.length },
    timings: { embedMs: embeddedAt - startedAt, retrievalMs: performance.now() - embeddedAt },
  };
}

function embedderOf({ embedder }: SearchContext): Embedder {
  if (embedder !== undefined) return embedder;
  throw invalidArgument('The table was attached without `embedding`: it can be searched by `method: "keyword"` only.');
}

/**
 * A vector index may find fewer candidates than there are, most of all behind a selective filter: a short answer of one is
 * asked for again exactly, filter first.
 */
async function runPlan(
  { database, target }: SearchContext,
  query: string,
  vector: Vector | undefined,
  plan: RetrievalPlan,
  signal: AbortSignal,
): Promise<CandidateRow[]> {
  const run = (exact: boolean) =>
    database.query<CandidateRow>(statementOf(plan, { query, vector, exact, target }), {
      signal,
      settings: exact || plan.method === "keyword" ? undefined : searchSettings(target, plan.k),
    });
  const rows = await run(plan.exact);
  const [first] = rows;
  const mayBeShort = first === undefined || (first.approximate && first.semantic_count < plan.k);
  return plan.method !== "keyword" && !plan.exact && mayBeShort ? run(true) : rows;
}

function statementOf(
  plan: RetrievalPlan,
  {
    query,
    vector = [],
    exact,
    target,
  }: Pick<SearchContext, "target"> & {
    readonly query: string;
    readonly vector: Vector | undefined;
    readonly exact: boolean;
  },
): Sql {
  const { method, k, filter } = plan;
  const semantic = { vector, k, filter, exact };
  const keyword = { query, k, filter };
  if (method === "semantic") return semanticStatement(target, semantic);
  if (method === "keyword") return keywordStatement(target, keyword);
  return hybridStatement(target, semantic, keyword, plan);
}

function toHit<Metadata extends object>(
  row: CandidateRow,
  position: number,
  { method }: RetrievalPlan,
  { target }: SearchContext,
): SearchHit<Metadata> {
  const { toScore } = distanceSql(target.distance);
  const stages: HitStages = {
    ...(row.distance === null || row.semantic_rank === null
      ? {}
      : { semantic: { score: toScore(row.distance), rank: row.semantic_rank } }),
    ...(row.bm25 === null || row.keyword_rank === null
      ? {}
      : { keyword: { score: 0 - row.bm25, rank: row.keyword_rank } }),
    ...(row.fused === null ? {} : { hybrid: { score: row.fused, rank: position + 1 } }),
  };
  const score = stages[method]?.score ?? 0;
  return { id: row.id, content: row.content, metadata: row.metadata as Metadata, score, stages };
}
