import { cutRanking, type Judgements, type RelevanceOptions, relevanceOf } from "./judgements.ts";

/**
 * The share of the best `k` that is relevant, as trec_eval's `P`: divided by `k` even when fewer are ranked.
 *
 * @returns 0..1; 0 for an empty ranking
 * @throws PgVectorDBError `invalid_argument`
 */
export function precision(ranking: readonly string[], judgements: Judgements, options: RelevanceOptions = {}): number {
  const relevance = relevanceOf(cutRanking(ranking, judgements, options), judgements, options);
  const found = relevance.filter(Boolean).length;
  return found === 0 ? 0 : found / (options.k ?? relevance.length);
}
