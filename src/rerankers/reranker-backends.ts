import type { BaseReranker } from "./base-reranker.ts";
import { CrossEncoderReranker, type CrossEncoderRerankerOptions } from "./cross-encoder-reranker.ts";
import { HuggingFaceReranker, type HuggingFaceRerankerOptions } from "./hugging-face-reranker.ts";

/** Every backend that has a name: its options, and the class that takes them. A new one is a line here and one in the table. */
export interface RerankerBackends {
  readonly cross_encoder: { readonly options: CrossEncoderRerankerOptions; readonly reranker: CrossEncoderReranker };
  readonly huggingface: { readonly options: HuggingFaceRerankerOptions; readonly reranker: HuggingFaceReranker };
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
};

/** Other names, in lower case with `_`. A name may point to a backend that is not in the table: it is then unknown. */
export const rerankerAliases = {
  crossencoder: "cross_encoder",
  hf: "huggingface",
  aws: "bedrock",
  aws_bedrock: "bedrock",
} as const satisfies Readonly<Record<string, string>>;
