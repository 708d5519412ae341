export type { Reranked, RerankedDocument, RerankInput } from "../contracts/document.ts";
export type {
  FailurePolicy,
  FirstStageStrength,
  FirstStageWeight,
  Reranker,
  RerankFunction,
  RerankOptions,
  RerankResult,
  RerankUsage,
  ScoreScale,
  TruncatedPair,
  WinningSpan,
} from "../contracts/reranker.ts";
export { PgVectorDBError, type PgVectorDBErrorCode } from "../errors.ts";
export {
  AWSBedrockReranker,
  type AWSBedrockRerankerOptions,
  type AWSCredentials,
} from "./aws-bedrock-reranker.ts";
export {
  BaseReranker,
  type BaseRerankerOptions,
  type ScoreRequest,
  type ScoreResult,
  type Scores,
} from "./base-reranker.ts";
export type { CacheOptions } from "./cache/lru-cache.ts";
export { CohereReranker, type CohereRerankerOptions } from "./cohere-reranker.ts";
export { createReranker, type RerankerOptions } from "./create-reranker.ts";
export { CrossEncoderReranker, type CrossEncoderRerankerOptions } from "./cross-encoder-reranker.ts";
export { type FunctionRerankerOptions, fromFunction } from "./function-reranker.ts";
export type { HostedRerankerOptions } from "./hosted-reranker.ts";
export type { HTTPServiceOptions } from "./http/http-service-reranker.ts";
export { HTTPReranker, type HTTPRerankerOptions } from "./http-reranker.ts";
export { HuggingFaceReranker, type HuggingFaceRerankerOptions } from "./hugging-face-reranker.ts";
export { JinaReranker, type JinaRerankerOptions } from "./jina-reranker.ts";
export type { IndexedScore } from "./rank-scores.ts";
export type { RerankerBackend, RerankerBackends } from "./reranker-backends.ts";
export { TEIReranker, type TEIRerankerOptions } from "./tei-reranker.ts";
export type { UsageMeter } from "./usage-meter.ts";
export { VLLMReranker, type VLLMRerankerOptions } from "./vllm-reranker.ts";
export { VoyageReranker, type VoyageRerankerOptions } from "./voyage-reranker.ts";
