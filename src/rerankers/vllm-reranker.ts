import type { ScoreScale } from "../contracts/reranker.ts";
import { PgVectorDBError } from "../errors.ts";
import type { CallAnswer, RerankCall } from "./hosted-reranker.ts";
import { HTTP_OPTION_NAMES, type HTTPServiceOptions, HTTPServiceReranker } from "./http/http-service-reranker.ts";
import { fieldsOf, readCount, readRanking } from "./http/read-answer.ts";
import { checkInteger, checkOptionNames, checkType } from "./option-checks.ts";

export interface VLLMRerankerOptions extends HTTPServiceOptions {
  /** Where vLLM listens, such as `http://localhost:8000`. */
  readonly baseUrl: string;
  /** The model the server was started with (`--served-model-name`, else its hub id). */
  readonly model: string;
  /** Which of the server's two calls to use. Default `"rerank"`. `"score"` does not send the documents back. */
  readonly endpoint?: "rerank" | "score" | undefined;
  /** Cut each pair to this many tokens. Default: vLLM refuses what is too long. */
  readonly truncatePromptTokens?: number | undefined;
  /** Ask for logits instead of 0..1, by `use_activation: false`. Default `false`. */
  readonly rawScores?: boolean | undefined;
}

const SERVICE = "vLLM";

/**
 * A vLLM server or cluster with a scoring model. `VLLM_API_KEY` or `apiKey` where the server wants a key.
 * Models that need a score template (Qwen3-Reranker) are near random without it: start the server with the template.
 */
export class VLLMReranker extends HTTPServiceReranker {
  override readonly name = "vllm";
  override readonly scale: ScoreScale;
  readonly #options: VLLMRerankerOptions;

  /** @throws PgVectorDBError `invalid_argument` */
  constructor(options: VLLMRerankerOptions) {
    const known = [...HTTP_OPTION_NAMES, "model", "endpoint", "truncatePromptTokens", "rawScores"];
    checkOptionNames("VLLMReranker", options, known);
    if (options.model === undefined) {
      throw new PgVectorDBError(
        "invalid_argument",
        "`model` is needed: the name of the model that the vLLM server serves.",
      );
    }
    checkType("model", options.model, "string");
    checkInteger("truncatePromptTokens", options.truncatePromptTokens, 1);
    checkType("rawScores", options.rawScores, "boolean");
    const { model, endpoint = "rerank", truncatePromptTokens, rawScores = false } = options;
    if (endpoint !== "rerank" && endpoint !== "score") {
      throw new PgVectorDBError("invalid_argument", '`endpoint` must be "rerank" or "score".');
    }
    super(options, {
      service: SERVICE,
      baseUrl: undefined,
      path: `/${endpoint}`,
      keyVariable: "VLLM_API_KEY",
      needsKey: false,
      // vLLM sets no limit; this one is ours, so that one request does not hold the server for long.
      limits: { maxDocuments: 1000 },
      scoring: "pairs",
      identity: [model, String(truncatePromptTokens), String(rawScores)],
      fieldFormat: "lines",
    });
    this.scale = rawScores ? "logit" : "unit";
    this.#options = { ...options, endpoint };
  }

  protected override body({ query, texts, topN }: RerankCall) {
    const { model, truncatePromptTokens, rawScores, endpoint } = this.#options;
    const common = {
      model,
      documents: texts,
      truncate_prompt_tokens: truncatePromptTokens,
      use_activation: rawScores === true ? false : undefined,
    };
    return endpoint === "score" ? { ...common, queries: query } : { ...common, query, top_n: topN };
  }

  protected override answer(body: unknown): CallAnswer {
    const { results, data, usage } = fieldsOf(body);
    return {
      scores:
        this.#options.endpoint === "score"
          ? readRanking(SERVICE, data, "data", "score")
          : readRanking(SERVICE, results, "results", "relevance_score"),
      tokens: readCount(fieldsOf(usage)["total_tokens"]),
    };
  }
}
