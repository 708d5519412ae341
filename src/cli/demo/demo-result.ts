/** What the demo found, as it is printed with `--json`. */
export interface DemoResult {
  readonly question: string;
  readonly corpus: {
    readonly documents: number;
    readonly passages: number;
    /** Passages embedded and written in this run; 0 when the index was up to date. */
    readonly written: number;
  };
  readonly candidates: { readonly requested: number; readonly returned: number };
  readonly reranker: string;
  /** The best of the first stage, in its order. */
  readonly firstStage: readonly DemoHit[];
  /** The best after reranking. */
  readonly reranked: readonly DemoHit[];
  /** Milliseconds. */
  readonly timings: {
    readonly openMs: number;
    readonly indexMs: number;
    readonly embedMs: number;
    readonly retrievalMs: number;
    readonly rerankMs: number;
    /** From question to answer, without opening and indexing. */
    readonly answerMs: number;
  };
}

export interface DemoHit {
  readonly id: string;
  /** The file, relative to the folder. */
  readonly source: string;
  readonly headings: readonly string[];
  readonly content: string;
  readonly firstStage: StageResult;
  /** After reranking, with what the first stage's order counts there. */
  readonly rerank: StageResult;
  /** Places the reranker moved it: positive is up. */
  readonly moved: number;
}

export interface StageResult {
  /** From 1. */
  readonly rank: number;
  readonly score: number;
}
