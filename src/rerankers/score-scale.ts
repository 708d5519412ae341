import type { ScoreScale } from "../contracts/reranker.ts";

/** The logistic function, in the form that neither overflows nor loses small values: 1 / (1 + exp(-x)). */
export function sigmoid(logit: number): number {
  if (logit >= 0) return 1 / (1 + Math.exp(-logit));
  const exponential = Math.exp(logit);
  return exponential / (1 + exponential);
}

/** Maps a raw score to 0..1. Order is decided on the raw score: the mapping ties large logits. */
export function toUnitScore(rawScore: number, scale: ScoreScale): number {
  return scale === "logit" ? sigmoid(rawScore) : rawScore;
}
