import { cutRanking, type Judgements, type RelevanceOptions, relevanceOf } from "./judgements.ts";

/**
 * 1 / rank of the first relevant document, as trec_eval's `recip_rank`. Its mean over queries is the MRR.
 *
 * @returns 0..1; 0 when no relevant document is ranked
 * @throws PgVectorDBError `invalid_argument`
 */
export function reciprocalRank(
  ranking: readonly string[],
  judgements: Judgements,
  options: RelevanceOptions = {},
): number {
  const first = relevanceOf(cutRanking(ranking, judgements, options), judgements, options).indexOf(true);
  return first < 0 ? 0 : 1 / (first + 1);
}
