import type { Reranker, RerankFunction, ScoreScale } from "../contracts/reranker.ts";
import { PgVectorDBError } from "../errors.ts";
import { BaseReranker, type BaseRerankerOptions, type ScoreRequest, type Scores } from "./base-reranker.ts";

export interface FunctionRerankerOptions extends BaseRerankerOptions {
  /** Names the reranker in results. Default: the function's name, or `"function"`. */
  readonly name?: string | undefined;
  /** What the function returns. Default `"logit"`: any finite number. */
  readonly scale?: ScoreScale | undefined;
}

/**
 * A reranker from a plain function.
 *
 * @example
 * ```ts
 * const reranker = fromFunction((query, texts) => texts.map((text) => (text.includes(query) ? 1 : 0)), { scale: "unit" });
 * ```
 */
export function fromFunction(score: RerankFunction, options: FunctionRerankerOptions = {}): BaseReranker {
  return new FunctionReranker(score, options);
}

/** Accepts what users may pass as a reranker: a reranker, or a plain function. @throws PgVectorDBError `invalid_argument` */
export function toReranker(reranker: Reranker | RerankFunction): Reranker {
  if (typeof reranker === "function") return fromFunction(reranker);
  if (typeof reranker?.rerankDetailed === "function") return reranker;
  throw new PgVectorDBError(
    "invalid_argument",
    "`reranker` must be a reranker (extend BaseReranker) or a function `(query, texts) => scores`.",
  );
}

class FunctionReranker extends BaseReranker {
  override readonly name: string;
  override readonly scale: ScoreScale;
  readonly #score: RerankFunction;

  constructor(score: RerankFunction, options: FunctionRerankerOptions) {
    super(options);
    if (typeof score !== "function") {
      throw new PgVectorDBError("invalid_argument", "`score` must be a function `(query, texts) => scores`.");
    }
    this.#score = score;
    this.name = options.name ?? (score.name || "function");
    this.scale = options.scale ?? "logit";
  }

  protected override async score({ query, texts, signal }: ScoreRequest): Promise<Scores> {
    return this.#score(query, texts, { signal });
  }
}
