import { PgVectorDBError } from "../errors.ts";
import type { CallAnswer, RerankCall } from "./hosted-reranker.ts";
import { HTTP_OPTION_NAMES, type HTTPServiceOptions, HTTPServiceReranker } from "./http/http-service-reranker.ts";
import { fieldsOf, readCount, readRanking } from "./http/read-answer.ts";
import { checkInteger, checkOptionNames, checkType } from "./option-checks.ts";

export interface CohereRerankerOptions extends HTTPServiceOptions {
  /** Default `rerank-v3.5`. Scores of different models do not compare: tune `threshold` anew. */
  readonly model?: string | undefined;
  /** Tokens that Cohere reads of each document. Its default is 4096. */
  readonly maxTokensPerDoc?: number | undefined;
  /** Cohere's v1 option; v2 has `maxTokensPerDoc`. */
  readonly maxChunksPerDoc?: never;
}

const SERVICE = "Cohere";
const MODELS_TODAY = "rerank-v4.0-pro, rerank-v4.0-fast, rerank-v3.5";

/**
 * Cohere's rerank API, version 2. Needs `COHERE_API_KEY` or `apiKey`. `usage.searchUnits` is what Cohere bills:
 * one for each hundred documents, long ones counting more than once. `fields` become YAML, as Cohere advises.
 *
 * @example
 * ```ts
 * const reranker = new CohereReranker({ onError: "passthrough", timeoutMs: 2000 });
 * const [best] = await reranker.rerank("query", ["one text", "another"], { topK: 1 });
 * ```
 */
export class CohereReranker extends HTTPServiceReranker {
  override readonly name = "cohere";
  override readonly scale = "unit";
  readonly #model: string;
  readonly #maxTokensPerDoc: number | undefined;

  /** @throws PgVectorDBError `invalid_argument` */
  constructor(options: CohereRerankerOptions = {}) {
    if ((options as { maxChunksPerDoc?: unknown } | null)?.maxChunksPerDoc !== undefined) {
      throw new PgVectorDBError(
        "invalid_argument",
        "`maxChunksPerDoc` belongs to Cohere's v1 API. Use `maxTokensPerDoc`: the tokens read of each document (4096 unless given).",
      );
    }
    checkOptionNames("CohereReranker", options, [...HTTP_OPTION_NAMES, "model", "maxTokensPerDoc", "maxChunksPerDoc"]);
    checkType("model", options.model, "string");
    checkInteger("maxTokensPerDoc", options.maxTokensPerDoc, 1);
    const model = options.model ?? "rerank-v3.5";
    super(options, {
      service: SERVICE,
      baseUrl: "https://api.cohere.com/v2",
      path: "/rerank",
      keyVariable: "COHERE_API_KEY",
      needsKey: true,
      // Up to 10,000 are accepted; 1,000 is what Cohere recommends.
      limits: { maxDocuments: 1000 },
      scoring: "pairs",
      identity: [model, String(options.maxTokensPerDoc)],
      fieldFormat: "yaml",
    });
    this.#model = model;
    this.#maxTokensPerDoc = options.maxTokensPerDoc;
  }

  protected override body({ query, texts, topN }: RerankCall) {
    return { model: this.#model, query, documents: texts, top_n: topN, max_tokens_per_doc: this.#maxTokensPerDoc };
  }

  protected override answer(body: unknown): CallAnswer {
    const { results, meta } = fieldsOf(body);
    const { search_units: searchUnits, input_tokens: tokens } = fieldsOf(fieldsOf(meta)["billed_units"]);
    return {
      scores: readRanking(SERVICE, results, "results", "relevance_score"),
      searchUnits: readCount(searchUnits),
      tokens: readCount(tokens),
    };
  }

  protected override refusalAdvice(said: string): string | undefined {
    return /model/i.test(said)
      ? `Asked for the model "${this.#model}". Rerank models today: ${MODELS_TODAY}.`
      : undefined;
  }
}
