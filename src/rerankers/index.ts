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
export { CrossEncoderReranker, type CrossEncoderRerankerOptions } from "./cross-encoder-reranker.ts";
export { createReranker, type RerankerOptions } from "./create-reranker.ts";
export { HuggingFaceReranker, type HuggingFaceRerankerOptions } from "./hugging-face-reranker.ts";
export type { RerankerBackend, RerankerBackends } from "./reranker-backends.ts";
