import { type CutoffOptions, cutRanking, type Judgements } from "./judgements.ts";

/**
 * Normalised discounted cumulative gain, as trec_eval's `ndcg` and `ndcg_cut`: the gain of a document is its grade, at rank
 * r divided by log2(r + 1); the ideal order is made of all judgements; what is not judged gains 0.
 *
 * Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.
 *
 * @returns 0..1; 0 when nothing is relevant
 * @throws PgVectorDBError `invalid_argument`
 */
export function ndcg(ranking: readonly string[], judgements: Judgements, options: CutoffOptions = {}): number {
  const gains = cutRanking(ranking, judgements, options).map((id) => judgements.get(id) ?? 0);
  const ideal = [...judgements.values()].sort((a, b) => b - a).slice(0, options.k);
  const best = discountedGain(ideal);
  return best === 0 ? 0 : discountedGain(gains) / best;
}

function discountedGain(gains: readonly number[]): number {
  // A grade below zero, which some collections give to spam, gains nothing.
  return gains.reduce((sum, gain, index) => sum + Math.max(gain, 0) / Math.log2(index + 2), 0);
}
