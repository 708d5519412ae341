import type { FirstStageStrength, FirstStageWeight } from "../contracts/reranker.ts";
import { PgVectorDBError } from "../errors.ts";
import { sigmoid } from "./score-scale.ts";

/** What is read of a reranked document. One that another's reranker made may lack its raw score. */
interface Scored {
  readonly id: string;
  readonly score: number;
  readonly rawScore?: number | undefined;
}

/** A reranked document with what its reranker and the first stage say of it together. */
export interface CombinedDocument<Document extends Scored> {
  readonly document: Document;
  /** Where the reranker alone has it, 0 for its best. */
  readonly position: number;
  /** 0..1, never above the reranker's, and the same for the first stage's best. */
  readonly score: number;
}

/** Services that answer 0 or 1 are not that sure: odds of one to a million, so that the first stage still tells such documents apart. */
const LEAST_PROBABILITY = 1e-6;
/** What two ways of computing the logistic function may differ by. */
const SAME = 1e-12;

/**
 * Orders reranked documents by `logit - weight × ln(rank)`, `rank` being the first stage's: the odds that the reranker gives a
 * document are multiplied by the prior odds `rank^-weight`, so that at weight 1 the tenth candidate needs ten times the odds of the
 * first. Equal documents keep the order they come in.
 *
 * @param documents best first, as a reranker returns them
 * @param weight at least 0; 0 changes nothing
 * @param ranks by id, 1 for the first stage's best; who is missing counts as such
 * @throws PgVectorDBError `invalid_response` for a score that is no number
 */
export function combineWithFirstStage<Document extends Scored>(
  documents: readonly Document[],
  weight: number,
  ranks: ReadonlyMap<string, number>,
): CombinedDocument<Document>[] {
  return documents
    .map((document, position) => {
      const prior = -weight * Math.log(ranks.get(document.id) ?? 1);
      return { document, position, logit: logitOf(document) + prior };
    })
    .sort((a, b) => b.logit - a.logit)
    .map(({ document, position, logit }) => ({ document, position, score: sigmoid(logit) }));
}

/** What a reranker's weight is behind a first stage of this strength. */
export function weightBehind(weight: FirstStageWeight | undefined, strength: FirstStageStrength): number {
  return (typeof weight === "object" ? weight[strength] : weight) ?? 0;
}

/** Ranks by id of what stands best first: 1 for the first. */
export function ranksOf(ordered: readonly { readonly id: string }[]): Map<string, number> {
  return new Map(ordered.map(({ id }, position) => [id, position + 1]));
}

function logitOf({ score, rawScore }: Scored): number {
  // A score near 0 or 1 has lost digits that the logit it was made of still has.
  if (rawScore !== undefined && Number.isFinite(rawScore) && Math.abs(sigmoid(rawScore) - score) < SAME)
    return rawScore;
  if (!Number.isFinite(score)) {
    throw new PgVectorDBError("invalid_response", "The reranker gave a score that is not a finite number.");
  }
  const probability = Math.min(Math.max(score, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY);
  return Math.log(probability / (1 - probability));
}
