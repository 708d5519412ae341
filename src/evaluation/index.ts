export { PgVectorDBError, type PgVectorDBErrorCode } from "../errors.ts";
export { averagePrecision } from "./average-precision.ts";
export { type BootstrapOptions, bootstrap, type Estimate, pairedBootstrap } from "./bootstrap.ts";
export type { Candidate, FirstStage, Retrieve, RetrieveCall } from "./candidates.ts";
export {
  type EvaluateOptions,
  type Evaluation,
  type EvaluationQuery,
  evaluate,
  FIRST_STAGE,
  WITH_FIRST_STAGE,
} from "./evaluate.ts";
export { hitRate } from "./hit-rate.ts";
export type { CutoffOptions, Judgements, Qrels, RelevanceOptions } from "./judgements.ts";
export type { MetricKind, MetricName } from "./metric-name.ts";
export { ndcg } from "./ndcg.ts";
export { precision } from "./precision.ts";
export { type BeirDocument, type BeirQuery, readBeirCorpus, readBeirQrels, readBeirQueries } from "./read-beir.ts";
export type { ReadOptions } from "./read-lines.ts";
export { readTrecQrels, readTrecRun } from "./read-trec.ts";
export { recall } from "./recall.ts";
export { reciprocalRank } from "./reciprocal-rank.ts";
export type { Run, RunEntry } from "./run.ts";
export type { StageReport } from "./stage-report.ts";
