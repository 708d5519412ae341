import type { ScoreScale } from "../contracts/reranker.ts";
import type { CallAnswer, RerankCall } from "./hosted-reranker.ts";
import { HTTP_OPTION_NAMES, type HTTPServiceOptions, HTTPServiceReranker } from "./http/http-service-reranker.ts";
import { readCount, readRanking } from "./http/read-answer.ts";
import { checkOptionNames, checkType } from "./option-checks.ts";

export interface TEIRerankerOptions extends HTTPServiceOptions {
  /** Where text-embeddings-inference listens, such as `http://localhost:8080`. */
  readonly baseUrl: string;
  /** Ask for logits instead of 0..1: they order what a saturated score ties. Default `false`. */
  readonly rawScores?: boolean | undefined;
  /** Whether the server cuts what is longer than the model reads. Default: as the server was started (`--auto-truncate`, on). */
  readonly truncate?: boolean | undefined;
}

const SERVICE = "Text Embeddings Inference";

/**
 * A server or cluster of Hugging Face's text-embeddings-inference. `TEI_API_KEY` or `apiKey` where the server wants a key.
 *
 * The server takes 32 texts a request unless started with another `--max-client-batch-size`: give the same number as
 * `maxDocumentsPerCall`. It also counts every text against `--max-concurrent-requests` (512): keep `concurrency` times
 * `maxDocumentsPerCall`, over all clients, below it.
 *
 * @example
 * ```ts
 * const reranker = new TEIReranker({ baseUrl: "http://localhost:8080" });
 * ```
 */
export class TEIReranker extends HTTPServiceReranker {
  override readonly name = "tei";
  override readonly scale: ScoreScale;
  readonly #rawScores: boolean;
  readonly #truncate: boolean | undefined;

  /** @throws PgVectorDBError `invalid_argument` */
  constructor(options: TEIRerankerOptions) {
    checkOptionNames("TEIReranker", options, [...HTTP_OPTION_NAMES, "rawScores", "truncate"]);
    checkType("rawScores", options.rawScores, "boolean");
    checkType("truncate", options.truncate, "boolean");
    const rawScores = options.rawScores ?? false;
    super(options, {
      service: SERVICE,
      baseUrl: undefined,
      path: "/rerank",
      keyVariable: "TEI_API_KEY",
      needsKey: false,
      limits: { maxDocuments: 32, maxBytes: 2_000_000 },
      scoring: "pairs",
      identity: [String(rawScores), String(options.truncate)],
      fieldFormat: "lines",
    });
    this.scale = rawScores ? "logit" : "unit";
    this.#rawScores = rawScores;
    this.#truncate = options.truncate;
  }

  protected override body({ query, texts }: RerankCall) {
    return { query, texts, raw_scores: this.#rawScores, truncate: this.#truncate };
  }

  protected override answer(body: unknown, headers: Headers): CallAnswer {
    return {
      scores: readRanking(SERVICE, body, "results", "score"),
      tokens: readCount(headers.get("x-compute-tokens") ?? undefined),
    };
  }

  protected override refusalAdvice(said: string): string | undefined {
    return /batch size/i.test(said)
      ? "Set `maxDocumentsPerCall` to the server's `--max-client-batch-size`."
      : undefined;
  }
}
