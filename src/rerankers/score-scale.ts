import type { ScoreScale } from "../contracts/reranker.ts";

/** The logistic function, in the form that neither overflows nor loses small values: 1 / (1 + exp(-x)). */
export function sigmoid(logit: number): number {
  if (logit >= 0) return 1 / (1 + Math.exp(-logit));
  const exponential = Math.exp(logit);
  return exponential / (1 + exponential);
}

/** The least and the largest raw score of each scale. Cosines that are computed in float32 can be a rounding past 1. */
export const SCALE_BOUNDS: Readonly<Record<ScoreScale, readonly [least: number, most: number]>> = {
  logit: [-Number.MAX_VALUE, Number.MAX_VALUE],
  unit: [0, 1],
  cosine: [-1.0001, 1.0001],
};

/** Maps a raw score to 0..1. Order is decided on the raw score: the mapping ties large logits. */
export function toUnitScore(rawScore: number, scale: ScoreScale): number {
  switch (scale) {
    case "logit":
      return sigmoid(rawScore);
    case "unit":
      return rawScore;
    case "cosine":
      return Math.min(Math.max((1 + rawScore) / 2, 0), 1);
  }
}
