import type { SearchHit } from "../contracts/collection.ts";
import { ranksOf } from "../rerankers/first-stage-prior.ts";
import type { RetrievalPlan } from "./search-options.ts";

/**
 * The rank of each hit by its id, 1 for the best, in the order that the first stage gives its own answers in.
 *
 * That is the order of `hits`, but for a hybrid search whose caller gave no weights: its candidates are taken evenly from both
 * arms, since a reranker needs what only one of them finds, while its own answers are ordered by the embedder's `hybridWeight`.
 */
export function firstStageRanks(
  hits: readonly SearchHit<object>[],
  { method, fusion, hasOwnWeights }: Pick<RetrievalPlan, "method" | "fusion" | "hasOwnWeights">,
  hybridWeight: number | undefined,
): Map<string, number> {
  if (method !== "hybrid" || fusion.kind !== "rrf" || hasOwnWeights || hybridWeight === undefined) return ranksOf(hits);
  const share = (rank: number | undefined) => (rank === undefined ? 0 : 1 / (fusion.rankConstant + rank));
  const fused = hits.map(({ id, stages: { semantic, keyword } }) => {
    return { id, score: hybridWeight * share(semantic?.rank) + share(keyword?.rank) };
  });
  return ranksOf(fused.sort((a, b) => b.score - a.score));
}
