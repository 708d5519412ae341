import { cutRanking, type Judgements, type RelevanceOptions, relevanceOf } from "./judgements.ts";

/**
 * Whether any of the best `k` is relevant, as trec_eval's `success`. Its mean over queries is the hit rate.
 *
 * @returns 0 or 1
 * @throws PgVectorDBError `invalid_argument`
 */
export function hitRate(ranking: readonly string[], judgements: Judgements, options: RelevanceOptions = {}): number {
  return relevanceOf(cutRanking(ranking, judgements, options), judgements, options).includes(true) ? 1 : 0;
}
