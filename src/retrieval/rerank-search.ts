import { checkInteger, invalidArgument } from "../check-options.ts";
import type { SearchContext } from "../collection-context.ts";
import type { RerankSearchResult, SearchHit } from "../contracts/collection.ts";
import type { FirstStageWeight, Reranker, RerankResult } from "../contracts/reranker.ts";
import { combineWithFirstStage, ranksOf, weightBehind } from "../rerankers/first-stage-prior.ts";
import { firstStageStrength } from "./first-stage-strength.ts";
import { type Retrieval, retrieve } from "./retrieve.ts";
import { checkMethod, type PlanSettings, planRetrieval, type RetrievalPlan } from "./search-options.ts";

export interface RerankSearchPlan {
  readonly retrieval: RetrievalPlan;
  readonly rerankTopK: number;
  readonly threshold: number | undefined;
  /** `undefined`: what the reranker says. */
  readonly firstStageWeight: number | undefined;
  readonly offset: number;
}

const DEFAULT_CANDIDATES = 100;
const DEFAULT_TOP_K = 5;
const MAX_FIRST_STAGE_WEIGHT = 10;
const OWN_NAMES = ["method", "reranker", "rerankTopK", "threshold", "firstStageWeight", "offset"];

/** @throws PgVectorDBError `invalid_argument` */
export function planRerankSearch(options: object, settings: PlanSettings): RerankSearchPlan {
  const { method, rerankTopK, threshold, firstStageWeight, offset } = (options ?? {}) as Record<string, unknown>;
  const retrieval = planRetrieval(checkMethod(method), options, {
    ...settings,
    defaultK: DEFAULT_CANDIDATES,
    ownNames: OWN_NAMES,
  });
  checkInteger("rerankTopK", rerankTopK, { min: 1, max: Number.MAX_SAFE_INTEGER });
  checkInteger("offset", offset, { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (threshold !== undefined && !(typeof threshold === "number" && threshold >= 0 && threshold <= 1)) {
    throw invalidArgument("`threshold` must be a number from 0 to 1: it is compared with the rerank score.");
  }
  if (firstStageWeight !== undefined && !isWeight(firstStageWeight)) {
    throw invalidArgument(`\`firstStageWeight\` must be a number from 0 to ${MAX_FIRST_STAGE_WEIGHT}.`);
  }
  return {
    retrieval,
    rerankTopK: (rerankTopK as number | undefined) ?? DEFAULT_TOP_K,
    threshold: threshold as number | undefined,
    firstStageWeight,
    offset: (offset as number | undefined) ?? 0,
  };
}

function isWeight(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= MAX_FIRST_STAGE_WEIGHT;
}

/** Retrieves, then reranks. The database is free while the model runs: the candidates are here by then. */
export async function rerankSearch<Metadata extends object>(
  context: SearchContext,
  reranker: Reranker,
  query: string,
  plan: RerankSearchPlan,
  signal: AbortSignal,
): Promise<RerankSearchResult<Metadata>> {
  const startedAt = performance.now();
  const retrieval = await retrieve<Metadata>(context, query, plan.retrieval, signal);
  const { rerankTopK, threshold, offset } = plan;
  const retrievedAt = performance.now();
  const strength = firstStageStrength(plan.retrieval, context.embedder);
  const weightOf = (own: FirstStageWeight | undefined) => plan.firstStageWeight ?? weightBehind(own, strength);
  const combines = weightOf(reranker.firstStageWeight) > 0;
  const ranking = await reranker.rerankDetailed(query, retrieval.hits, {
    // The first stage may lift a document above those that the reranker alone has best.
    topK: combines ? undefined : Math.min(offset + rerankTopK, Number.MAX_SAFE_INTEGER),
    threshold,
    signal,
  });
  // A fallback that ranked instead has a weight of its own.
  const weight = combines && ranking.reranked ? weightOf(ranking.firstStageWeight) : 0;
  const finishedAt = performance.now();
  return {
    hits: hitsOf<Metadata>(ranking, retrieval, weight).slice(offset, offset + rerankTopK),
    candidates: retrieval.candidates,
    timings: { ...retrieval.timings, rerankMs: finishedAt - retrievedAt, totalMs: finishedAt - startedAt },
    usage: ranking.usage,
    reranked: ranking.reranked,
    backend: ranking.backend,
    firstStageWeight: weight,
    ...(ranking.reason === undefined ? {} : { reason: ranking.reason }),
    truncated: withIds(ranking.truncated, retrieval),
    ...(ranking.spans === undefined ? {} : { spans: withIds(ranking.spans, retrieval) }),
  };
}

/** Where nothing reranked, as a failure policy may decide, a hit keeps the first stage's score and has no rerank stage. */
function hitsOf<Metadata extends object>(
  { documents, reranked }: RerankResult<SearchHit<Metadata>>,
  retrieval: Retrieval<Metadata>,
  weight: number,
): SearchHit<Metadata>[] {
  if (!reranked) return documents.map(({ index }) => retrieval.hits[index] as SearchHit<Metadata>);
  if (weight === 0) return documents.map(withRerankStage<Metadata>);
  return combineWithFirstStage(documents, weight, ranksOf(retrieval.hits)).map(
    ({ document, position, score }, place) => {
      const hit = withRerankStage<Metadata>(document, position);
      return { ...hit, score, stages: { ...hit.stages, combined: { score, rank: place + 1 } } };
    },
  );
}

type Ranked<Metadata extends object> = RerankResult<SearchHit<Metadata>>["documents"][number];

function withRerankStage<Metadata extends object>(document: Ranked<Metadata>, position: number): SearchHit<Metadata> {
  const { id, content, metadata, stages, score, rawScore } = document;
  return { id, content, metadata, score, stages: { ...stages, rerank: { score, rawScore, rank: position + 1 } } };
}

function withIds<Found extends { readonly index: number }>(found: readonly Found[], { hits }: Retrieval<object>) {
  return found.map((one) => ({ ...one, id: hits[one.index]?.id ?? "" }));
}
