import type { Reranked, RerankedDocument, RerankInput } from "../contracts/document.ts";
import type { ScoreScale } from "../contracts/reranker.ts";
import type { IndexedScore } from "./rank-scores.ts";
import { toUnitScore } from "./score-scale.ts";

/** A new object: the caller's fields with the scores. The caller's document is not touched. */
export function attachScores<T extends RerankInput>(
  document: T,
  { index, rawScore }: IndexedScore,
  scale: ScoreScale,
): RerankedDocument<T> {
  const fields: Record<string, unknown> = typeof document === "string" ? { content: document } : { ...document };
  const retrievalScore = fields["score"];
  // Left by an earlier rerank; it is only true of that one.
  delete fields["retrievalScore"];
  const reranked: Reranked = {
    score: toUnitScore(rawScore, scale),
    rawScore,
    index,
    ...(typeof retrievalScore === "number" ? { retrievalScore } : {}),
  };
  return Object.assign(fields, reranked) as unknown as RerankedDocument<T>;
}
