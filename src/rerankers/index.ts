export type { Reranked, RerankedDocument, RerankInput } from "../contracts/document.ts";
export type {
  Reranker,
  RerankFunction,
  RerankOptions,
  RerankResult,
  RerankUsage,
  ScoreScale,
  TruncatedPair,
} from "../contracts/reranker.ts";
export { PgVectorDBError, type PgVectorDBErrorCode } from "../errors.ts";
export { BaseReranker, type ScoreRequest, type ScoreResult, type Scores } from "./base-reranker.ts";
export { type FunctionRerankerOptions, fromFunction } from "./function-reranker.ts";
export type { IndexedScore } from "./rank-scores.ts";
