import { AWSBedrockReranker, type AWSBedrockRerankerOptions } from "./aws-bedrock-reranker.ts";
import type { BaseReranker } from "./base-reranker.ts";
import { CohereReranker, type CohereRerankerOptions } from "./cohere-reranker.ts";
import { CrossEncoderReranker, type CrossEncoderRerankerOptions } from "./cross-encoder-reranker.ts";
import { HTTPReranker, type HTTPRerankerOptions } from "./http-reranker.ts";
import { HuggingFaceReranker, type HuggingFaceRerankerOptions } from "./hugging-face-reranker.ts";
import { JinaReranker, type JinaRerankerOptions } from "./jina-reranker.ts";
import { TEIReranker, type TEIRerankerOptions } from "./tei-reranker.ts";
import { VLLMReranker, type VLLMRerankerOptions } from "./vllm-reranker.ts";
import { VoyageReranker, type VoyageRerankerOptions } from "./voyage-reranker.ts";

/** Every backend that has a name: its options, and the class that takes them. A new one is a line here and one in the table. */
export interface RerankerBackends {
  readonly cross_encoder: { readonly options: CrossEncoderRerankerOptions; readonly reranker: CrossEncoderReranker };
  readonly huggingface: { readonly options: HuggingFaceRerankerOptions; readonly reranker: HuggingFaceReranker };
  readonly cohere: { readonly options: CohereRerankerOptions; readonly reranker: CohereReranker };
  readonly bedrock: { readonly options: AWSBedrockRerankerOptions; readonly reranker: AWSBedrockReranker };
  readonly voyage: { readonly options: VoyageRerankerOptions; readonly reranker: VoyageReranker };
  readonly jina: { readonly options: JinaRerankerOptions; readonly reranker: JinaReranker };
  readonly tei: { readonly options: TEIRerankerOptions; readonly reranker: TEIReranker };
  readonly vllm: { readonly options: VLLMRerankerOptions; readonly reranker: VLLMReranker };
  readonly http: { readonly options: HTTPRerankerOptions; readonly reranker: HTTPReranker };
}

export type RerankerBackend = keyof RerankerBackends;

type Constructors = {
  readonly [B in RerankerBackend]: (
    options: RerankerBackends[B]["options"],
  ) => RerankerBackends[B]["reranker"] & BaseReranker;
};

export const rerankerBackends: Constructors = {
  cross_encoder: (options) => new CrossEncoderReranker(options),
  huggingface: (options) => new HuggingFaceReranker(options),
  cohere: (options) => new CohereReranker(options),
  bedrock: (options) => new AWSBedrockReranker(options),
  voyage: (options) => new VoyageReranker(options),
  jina: (options) => new JinaReranker(options),
  tei: (options) => new TEIReranker(options),
  vllm: (options) => new VLLMReranker(options),
  http: (options) => new HTTPReranker(options),
};

/** Other names, in lower case with `_`. A name may point to a backend that is not in the table: it is then unknown. */
export const rerankerAliases = {
  crossencoder: "cross_encoder",
  hf: "huggingface",
  aws: "bedrock",
  aws_bedrock: "bedrock",
} as const satisfies Readonly<Record<string, string>>;
