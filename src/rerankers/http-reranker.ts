import type { ScoreScale } from "../contracts/reranker.ts";
import { PgVectorDBError } from "../errors.ts";
import type { CallAnswer, RerankCall } from "./hosted-reranker.ts";
import { HTTP_OPTION_NAMES, type HTTPServiceOptions, HTTPServiceReranker } from "./http/http-service-reranker.ts";
import { fieldsOf, readCount, readRanking } from "./http/read-answer.ts";
import { checkOptionNames, checkType } from "./option-checks.ts";

export interface HTTPRerankerOptions extends HTTPServiceOptions {
  /** The address before `/rerank`, version included: `http://localhost:7997`, `https://api.together.xyz/v1`. */
  readonly baseUrl: string;
  /** Default: not sent, for a server with one model. */
  readonly model?: string | undefined;
  /**
   * `"cohere"` (default) sends `model, query, documents, top_n`; `"jina"` also `return_documents: false`, which keeps servers
   * that would send the documents back (Infinity, LiteLLM, Together) from doing so. Both read `results[].index` and `.relevance_score`.
   */
  readonly dialect?: "cohere" | "jina" | undefined;
  /** What the server's scores are. Default `"unit"`: on 0..1. */
  readonly scale?: ScoreScale | undefined;
  /** `"list"` for a model whose scores depend on the other documents: its lists are not split. Default `"pairs"`. */
  readonly scoring?: "pairs" | "list" | undefined;
}

const SERVICE = "The rerank server";
const OWN_OPTIONS = ["model", "dialect", "scale", "scoring"] as const;

/**
 * Any server with a `/rerank` call in Cohere's or Jina's shape: Infinity, LiteLLM, gateways, Together, this package's own server.
 * `RERANK_API_KEY` or `apiKey` where it wants a key.
 */
export class HTTPReranker extends HTTPServiceReranker {
  override readonly name = "http";
  override readonly scale: ScoreScale;
  readonly #model: string | undefined;
  readonly #dialect: "cohere" | "jina";

  /** @throws PgVectorDBError `invalid_argument` */
  constructor(options: HTTPRerankerOptions) {
    checkOptionNames("HTTPReranker", options, [...HTTP_OPTION_NAMES, ...OWN_OPTIONS]);
    const { model, dialect = "cohere", scale = "unit", scoring = "pairs" } = options;
    checkType("model", model, "string");
    checkOneOf("dialect", dialect, ["cohere", "jina"]);
    checkOneOf("scale", scale, ["unit", "logit", "cosine"]);
    checkOneOf("scoring", scoring, ["pairs", "list"]);
    super(options, {
      service: SERVICE,
      baseUrl: undefined,
      path: "/rerank",
      keyVariable: "RERANK_API_KEY",
      needsKey: false,
      // Ours: what such servers take differs (Infinity 2,048), and few say.
      limits: { maxDocuments: 1000 },
      scoring,
      identity: [model ?? "", dialect, scale],
      fieldFormat: dialect === "cohere" ? "yaml" : "lines",
    });
    this.scale = scale;
    this.#model = model;
    this.#dialect = dialect;
  }

  protected override body({ query, texts, topN }: RerankCall) {
    const returnDocuments = this.#dialect === "jina" ? false : undefined;
    return { model: this.#model, query, documents: texts, top_n: topN, return_documents: returnDocuments };
  }

  protected override answer(body: unknown): CallAnswer {
    const { results, meta, usage } = fieldsOf(body);
    return {
      scores: readRanking(SERVICE, results, "results", "relevance_score"),
      searchUnits: readCount(fieldsOf(fieldsOf(meta)["billed_units"])["search_units"]),
      tokens: readCount(fieldsOf(usage)["total_tokens"]),
    };
  }
}

function checkOneOf(name: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) {
    throw new PgVectorDBError("invalid_argument", `\`${name}\` must be one of: ${allowed.join(", ")}.`);
  }
}
