import { countRelevant, cutRanking, type Judgements, type RelevanceOptions, relevanceOf } from "./judgements.ts";

/**
 * The precision at every relevant document's rank, averaged over all relevant documents, ranked or not, as trec_eval's
 * `map` and `map_cut`. Its mean over queries is the MAP.
 *
 * @returns 0..1; 0 when nothing is relevant
 * @throws PgVectorDBError `invalid_argument`
 */
export function averagePrecision(
  ranking: readonly string[],
  judgements: Judgements,
  options: RelevanceOptions = {},
): number {
  let found = 0;
  let sum = 0;
  for (const [index, relevant] of relevanceOf(
    cutRanking(ranking, judgements, options),
    judgements,
    options,
  ).entries()) {
    if (!relevant) continue;
    found++;
    sum += found / (index + 1);
  }
  return found === 0 ? 0 : sum / countRelevant(judgements, options);
}
