/** What becomes of a document that is longer than the model reads. */
export type LongDocuments = "truncate" | "split" | "error";

/** How the scores of a split document's windows become its own: the best one, or the mean of the best two. */
export type WindowPooling = "max" | "mean_of_two";

/** Plain data: it is sent to the worker. */
export interface LongDocumentPlan {
  readonly mode: LongDocuments;
  /** Tokens that neighbouring windows share; `undefined` is a quarter of a window. */
  readonly overlap: number | undefined;
  readonly pooling: WindowPooling;
}

/** A part of a document that is scored by itself. */
export interface Window {
  /** Which of the texts. */
  readonly text: number;
  /** In UTF-16 units, as `slice` takes them. */
  readonly start: number;
  readonly end: number;
}

export interface PooledWindows {
  readonly score: number;
  /** Which of the windows scored best. */
  readonly best: number;
}

/** One score for a document from those of its windows, of which there is at least one. */
export function poolWindows(scores: readonly number[], pooling: WindowPooling): PooledWindows {
  let best = 0;
  let second = -1;
  for (let i = 1; i < scores.length; i++) {
    if ((scores[i] as number) > (scores[best] as number)) {
      second = best;
      best = i;
    } else if (second < 0 || (scores[i] as number) > (scores[second] as number)) {
      second = i;
    }
  }
  const top = scores[best] as number;
  const score = pooling === "max" || second < 0 ? top : (top + (scores[second] as number)) / 2;
  return { score, best };
}
