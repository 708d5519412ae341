import type { CallAnswer, RerankCall } from "./hosted-reranker.ts";
import { HTTP_OPTION_NAMES, type HTTPServiceOptions, HTTPServiceReranker } from "./http/http-service-reranker.ts";
import { fieldsOf, readCount, readRanking } from "./http/read-answer.ts";
import { checkOptionNames, checkType } from "./option-checks.ts";

export interface VoyageRerankerOptions extends HTTPServiceOptions {
  /** Default `rerank-2.5`. */
  readonly model?: string | undefined;
  /** Whether Voyage cuts what is longer than the model reads. Default `true`; with `false` it refuses the request. */
  readonly truncation?: boolean | undefined;
}

const SERVICE = "Voyage";

/** Tokens of query and document together that a model reads. What is longer is cut before it is counted. */
const CONTEXT_TOKENS: Readonly<Record<string, number>> = {
  "rerank-2.5": 32_000,
  "rerank-2.5-lite": 32_000,
  "rerank-2": 16_000,
  "rerank-2-lite": 8_000,
};

/** Voyage AI's rerank API. Needs `VOYAGE_API_KEY` or `apiKey`. `usage.tokens` is what Voyage bills. */
export class VoyageReranker extends HTTPServiceReranker {
  override readonly name = "voyage";
  override readonly scale = "unit";
  readonly #model: string;
  readonly #truncation: boolean;

  /** @throws PgVectorDBError `invalid_argument` */
  constructor(options: VoyageRerankerOptions = {}) {
    checkOptionNames("VoyageReranker", options, [...HTTP_OPTION_NAMES, "model", "truncation"]);
    checkType("model", options.model, "string");
    checkType("truncation", options.truncation, "boolean");
    const model = options.model ?? "rerank-2.5";
    const truncation = options.truncation ?? true;
    super(options, {
      service: SERVICE,
      baseUrl: "https://api.voyageai.com/v1",
      path: "/rerank",
      keyVariable: "VOYAGE_API_KEY",
      needsKey: true,
      // The tokens of the query, times the documents, plus those of all documents: 600K at most.
      limits: { maxDocuments: 1000, maxTokens: 600_000, maxTokensPerPair: CONTEXT_TOKENS[model] ?? 32_000 },
      scoring: "pairs",
      identity: [model, String(truncation)],
      fieldFormat: "lines",
    });
    this.#model = model;
    this.#truncation = truncation;
  }

  protected override body({ query, texts, topN }: RerankCall) {
    return { model: this.#model, query, documents: texts, top_k: topN, truncation: this.#truncation };
  }

  protected override answer(body: unknown): CallAnswer {
    const { data, usage } = fieldsOf(body);
    return {
      scores: readRanking(SERVICE, data, "data", "relevance_score"),
      tokens: readCount(fieldsOf(usage)["total_tokens"]),
    };
  }
}
