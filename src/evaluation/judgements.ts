import { PgVectorDBError } from "../errors.ts";

/** How relevant a document is to one query, by document id: 0 is not relevant, higher is better. Absent means not judged. */
export type Judgements = ReadonlyMap<string, number>;

/** The judgements of every query, by query id. */
export type Qrels = ReadonlyMap<string, Judgements>;

export interface CutoffOptions {
  /** Look at the best `k` only: a positive integer. Default: the whole ranking. */
  readonly k?: number | undefined;
}

export interface RelevanceOptions extends CutoffOptions {
  /** The lowest grade that counts as relevant, trec_eval's `-l`. Default 1. */
  readonly minGrade?: number | undefined;
}

/** Checks a metric's arguments and cuts the ranking. @throws PgVectorDBError `invalid_argument` */
export function cutRanking(
  ranking: readonly string[],
  judgements: Judgements,
  { k, minGrade }: RelevanceOptions,
): readonly string[] {
  if (!Array.isArray(ranking)) throw invalid("`ranking` must be an array of document ids, best first.");
  if (!(judgements instanceof Map)) throw invalid("`judgements` must be a Map from document id to grade.");
  if (k !== undefined && !(Number.isSafeInteger(k) && k >= 1)) throw invalid("`k` must be a positive integer.");
  if (minGrade !== undefined && !(minGrade > 0)) throw invalid("`minGrade` must be a positive number.");
  for (const grade of judgements.values()) {
    if (!Number.isFinite(grade)) throw invalid("`judgements` must hold finite numbers.");
  }
  // A document twice would count twice: a perfect score for a broken run.
  if (new Set(ranking).size !== ranking.length) throw invalid("`ranking` names a document twice.");
  return k === undefined ? ranking : ranking.slice(0, k);
}

/** Whether each ranked document is relevant. */
export function relevanceOf(
  ranking: readonly string[],
  judgements: Judgements,
  { minGrade = 1 }: RelevanceOptions,
): boolean[] {
  return ranking.map((id) => (judgements.get(id) ?? 0) >= minGrade);
}

export function countRelevant(judgements: Judgements, { minGrade = 1 }: RelevanceOptions = {}): number {
  let count = 0;
  for (const grade of judgements.values()) if (grade >= minGrade) count++;
  return count;
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
