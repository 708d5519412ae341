import type { ScoreScale } from "../contracts/reranker.ts";
import type { CallAnswer, RerankCall } from "./hosted-reranker.ts";
import { HTTP_OPTION_NAMES, type HTTPServiceOptions, HTTPServiceReranker } from "./http/http-service-reranker.ts";
import { fieldsOf, readCount, readRanking } from "./http/read-answer.ts";
import { checkOptionNames, checkType } from "./option-checks.ts";

export interface JinaRerankerOptions extends HTTPServiceOptions {
  /** Default `jina-reranker-v2-base-multilingual`. `jina-reranker-v3` looks at all documents together: its lists are not split. */
  readonly model?: string | undefined;
}

const SERVICE = "Jina";

/** Jina AI's rerank API. Needs `JINA_API_KEY` or `apiKey`. `usage.tokens` is what Jina bills. */
export class JinaReranker extends HTTPServiceReranker {
  override readonly name = "jina";
  override readonly scale: ScoreScale;
  readonly #model: string;

  /** @throws PgVectorDBError `invalid_argument` */
  constructor(options: JinaRerankerOptions = {}) {
    checkOptionNames("JinaReranker", options, [...HTTP_OPTION_NAMES, "model"]);
    checkType("model", options.model, "string");
    const model = options.model ?? "jina-reranker-v2-base-multilingual";
    const isListwise = /reranker-v3/.test(model);
    super(options, {
      service: SERVICE,
      baseUrl: "https://api.jina.ai/v1",
      path: "/rerank",
      keyVariable: "JINA_API_KEY",
      needsKey: true,
      // Jina publishes no limit; this one is ours, so that no request grows without bounds.
      limits: { maxDocuments: 1000 },
      scoring: isListwise ? "list" : "pairs",
      identity: [model],
      fieldFormat: "lines",
    });
    this.#model = model;
    // "The returned score is cosine (normalized in [-1, 1])": its authors, huggingface.co/jinaai/jina-reranker-v3/discussions/2.
    this.scale = isListwise ? "cosine" : "unit";
  }

  protected override body({ query, texts, topN }: RerankCall) {
    return { model: this.#model, query, documents: texts, top_n: topN, return_documents: false };
  }

  protected override answer(body: unknown): CallAnswer {
    const { results, usage } = fieldsOf(body);
    return {
      scores: readRanking(SERVICE, results, "results", "relevance_score"),
      tokens: readCount(fieldsOf(usage)["total_tokens"]),
    };
  }
}
