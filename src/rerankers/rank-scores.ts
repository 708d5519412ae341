import type { ScoreScale } from "../contracts/reranker.ts";
import { PgVectorDBError } from "../errors.ts";
import { SCALE_BOUNDS } from "./score-scale.ts";

/** A score and the document it belongs to, by position in the input. */
export interface IndexedScore {
  readonly index: number;
  readonly rawScore: number;
}

export interface RankOptions {
  readonly scale: ScoreScale;
  /** How many documents were scored. */
  readonly documentCount: number;
  /** How many scores are owed: every document's, or the best `topK`. */
  readonly topK?: number | undefined;
}

/**
 * Checks a reranker's answer and orders it: best raw score first, ties in input order.
 *
 * One number per document is the usual answer. Index and score pairs may be only the best `topK`, as services send them.
 *
 * @throws PgVectorDBError `invalid_response` for a missing, surplus, duplicate, out-of-range or non-finite score
 */
export function rankScores(scores: readonly (number | IndexedScore)[], options: RankOptions): IndexedScore[] {
  const { documentCount, topK = documentCount, scale } = options;
  if (!Array.isArray(scores)) throw broken(`answered with ${typeof scores} instead of an array of scores`);
  // Not `map`, which leaves out the holes of `new Array(length)`.
  const indexed = Array.from(
    scores,
    (entry: number | IndexedScore, position): IndexedScore =>
      typeof entry === "object" && entry !== null ? entry : { index: position, rawScore: entry },
  );
  const plain = scores.some((entry) => typeof entry !== "object");
  const owed = plain ? documentCount : Math.min(topK, documentCount);
  if (indexed.length < owed || indexed.length > documentCount) {
    throw broken(`gave ${indexed.length} scores for ${documentCount} documents where ${owed} were asked for`);
  }
  const seen = new Set<number>();
  for (const { index, rawScore } of indexed) {
    if (!Number.isInteger(index) || index < 0 || index >= documentCount) {
      throw broken(`gave an index outside 0..${documentCount - 1}`);
    }
    if (seen.has(index)) throw broken(`scored document ${index} twice`);
    seen.add(index);
    checkScore(rawScore, index, scale);
  }
  return indexed.sort((a, b) => b.rawScore - a.rawScore || a.index - b.index);
}

function checkScore(rawScore: unknown, index: number, scale: ScoreScale): void {
  if (typeof rawScore !== "number" || !Number.isFinite(rawScore)) {
    throw broken(`gave a score for document ${index} that is not a finite number`);
  }
  const [least, most] = SCALE_BOUNDS[scale];
  if (rawScore < least || rawScore > most) {
    throw broken(
      `has the scale "${scale}", and gave document ${index} a score outside it; where \`scale\` can be set, set it to what its scores are`,
    );
  }
}

function broken(what: string): PgVectorDBError {
  return new PgVectorDBError("invalid_response", `The reranker ${what}.`);
}
