import { countRelevant, cutRanking, type Judgements, type RelevanceOptions, relevanceOf } from "./judgements.ts";

/**
 * The share of all relevant documents that is among the best `k`, as trec_eval's `recall`.
 *
 * @returns 0..1; 0 when nothing is relevant
 * @throws PgVectorDBError `invalid_argument`
 */
export function recall(ranking: readonly string[], judgements: Judgements, options: RelevanceOptions = {}): number {
  const relevance = relevanceOf(cutRanking(ranking, judgements, options), judgements, options);
  const found = relevance.filter(Boolean).length;
  return found === 0 ? 0 : found / countRelevant(judgements, options);
}
