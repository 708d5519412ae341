export type { Reranked, RerankedDocument, RerankInput } from "../contracts/document.ts";
export type {
  FailurePolicy,
  Reranker,
  RerankFunction,
  RerankOptions,
  RerankResult,
  RerankUsage,
  ScoreScale,
  TruncatedPair,
} from "../contracts/reranker.ts";
export { PgVectorDBError, type PgVectorDBErrorCode } from "../errors.ts";
export {
  BaseReranker,
  type BaseRerankerOptions,
  type ScoreRequest,
  type ScoreResult,
  type Scores,
} from "./base-reranker.ts";
export type { CacheOptions } from "./cache/lru-cache.ts";
export { CohereReranker, type CohereRerankerOptions } from "./cohere-reranker.ts";
export { type FunctionRerankerOptions, fromFunction } from "./function-reranker.ts";
export type { HostedRerankerOptions } from "./hosted-reranker.ts";
export type { HTTPServiceOptions } from "./http/http-service-reranker.ts";
export type { IndexedScore } from "./rank-scores.ts";
export type { UsageMeter } from "./usage-meter.ts";
