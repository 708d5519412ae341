import { checkOptionNames } from "../check-options.ts";
import type {
  ExplainOptions,
  Explanation,
  FuzzySearchOptions,
  HybridSearchOptions,
  KeywordSearchOptions,
  MultimodalSearchOptions,
  RerankSearchOptions,
  RerankSearchResult,
  SearchResult,
  SemanticSearchOptions,
} from "../contracts/collection.ts";
import type { Reranker, RerankFunction } from "../contracts/reranker.ts";
import type { Where } from "../contracts/where.ts";
import type { DeadlineOptions } from "../deadline.ts";
import type { SearchMethod } from "./search-options.ts";

/** What a step of a query builder says by other steps. */
type OwnOptions<Options> = Omit<Options, "k" | "where" | "exact" | "signal" | "timeoutMs">;

export interface RerankStepOptions {
  /** How many hits to return after reranking. Default 5. */
  readonly topK?: number | undefined;
  /** Leave out hits whose rerank score (0..1) is below this. Default: keep all. */
  readonly threshold?: number | undefined;
  /** What the first stage's order counts beside the rerank scores, 0 to 10. Default: what the reranker says. */
  readonly firstStageWeight?: number | undefined;
}

/** Where a query is run. */
export interface QueryRunner<Metadata extends object> {
  search(method: SearchMethod, query: string, options: DeadlineOptions): Promise<SearchResult<Metadata>>;
  rerankSearch(query: string, options: RerankSearchOptions<Metadata>): Promise<RerankSearchResult<Metadata>>;
  explain(query: string, options: ExplainOptions<Metadata>): Promise<Explanation>;
}

interface QueryState<Metadata extends object> {
  readonly runner: QueryRunner<Metadata>;
  readonly query: string;
  readonly method?: SearchMethod | undefined;
  /** Options of the first stage, those of its method included. */
  readonly stage: object;
  readonly filters: readonly Where<Metadata>[];
  /** Options of the reranking; absent while there is none. */
  readonly rerank?: object | undefined;
}

type Chosen = SearchMethod | undefined;

/**
 * A search put together step by step; made by `collection.query(text)`. Every step gives a new object and leaves this one
 * as it is, so that a query can be kept and continued in several ways. It is no promise: it ends in `run()`.
 *
 * Wrong values reject in `run()`, as they do in the searches themselves.
 *
 * @example
 * ```ts
 * const cheap = products.query("noise cancelling headphones").hybrid().where({ price: { $lt: 200 } });
 * const { hits } = await cheap.candidates(100).rerank(reranker, { topK: 5 }).run();
 * ```
 */
export class SearchQuery<Metadata extends object, Method extends Chosen = undefined, Result = SearchResult<Metadata>> {
  readonly #state: QueryState<Metadata>;
  /** What the steps so far decided; only in types. */
  declare protected readonly decided: { readonly method: Method; readonly result: Result };

  constructor(state: QueryState<Metadata>) {
    this.#state = state;
  }

  /** By meaning. */
  semantic(
    this: SearchQuery<Metadata, undefined, Result>,
    options: OwnOptions<SemanticSearchOptions<Metadata>> = {},
  ): SearchQuery<Metadata, "semantic", Result> {
    return this.#choose("semantic", options);
  }

  /** By keywords. */
  keyword(
    this: SearchQuery<Metadata, undefined, Result>,
    options: OwnOptions<KeywordSearchOptions<Metadata>> = {},
  ): SearchQuery<Metadata, "keyword", Result> {
    return this.#choose("keyword", options);
  }

  /** By words that look alike. */
  trigram(
    this: SearchQuery<Metadata, undefined, Result>,
    options: OwnOptions<FuzzySearchOptions<Metadata>> = {},
  ): SearchQuery<Metadata, "trigram", Result> {
    return this.#choose("trigram", options);
  }

  /** By meaning and keywords. What a query does that names no method. */
  hybrid(
    this: SearchQuery<Metadata, undefined, Result>,
    options: OwnOptions<HybridSearchOptions<Metadata>> = {},
  ): SearchQuery<Metadata, "hybrid", Result> {
    return this.#choose("hybrid", options);
  }

  /** By meaning, keywords and the collection's spaces. */
  multimodal(
    this: SearchQuery<Metadata, undefined, Result>,
    options: OwnOptions<MultimodalSearchOptions<Metadata>> = {},
  ): SearchQuery<Metadata, "multimodal", Result> {
    return this.#choose("multimodal", options);
  }

  /** Only documents whose metadata match; of several such steps, all of them. */
  where(filter: Where<Metadata>): SearchQuery<Metadata, Method, Result> {
    return this.#with({ filters: [...this.#state.filters, filter] });
  }

  /** How many documents the first stage takes: 1 to 10,000. They are the hits unless they are reranked. Default 10; reranked 100. */
  candidates(k: number): SearchQuery<Metadata, Method, Result> {
    return this.#with({ stage: { ...this.#state.stage, k } });
  }

  /** Compares with every vector instead of asking the vector index; with every text instead of the index of words. */
  exact(this: SearchQuery<Metadata, Exclude<Method, "keyword">, Result>): SearchQuery<Metadata, Method, Result> {
    const query: unknown = this.#with({ stage: { ...this.#state.stage, exact: true } });
    return query as SearchQuery<Metadata, Method, Result>;
  }

  /** Reranks the candidates. @param reranker a reranker or a function `(query, texts) => scores`; default: the built-in one */
  rerank(
    reranker?: Reranker | RerankFunction | undefined,
    options: RerankStepOptions = {},
  ): SearchQuery<Metadata, Method, RerankSearchResult<Metadata>> {
    const { topK, threshold, ...unknown } = options;
    const rerank = { ...this.#state.rerank, ...unknown, reranker, rerankTopK: topK, threshold };
    return new SearchQuery({ ...this.#state, rerank });
  }

  /** Hits to skip after reranking: every page is cut from the same candidates. */
  offset(
    this: SearchQuery<Metadata, Method, RerankSearchResult<Metadata>>,
    offset: number,
  ): SearchQuery<Metadata, Method, RerankSearchResult<Metadata>> {
    return new SearchQuery({ ...this.#state, rerank: { ...this.#state.rerank, offset } });
  }

  /** @throws PgVectorDBError as the search that was put together does */
  async run(options: DeadlineOptions = {}): Promise<Result> {
    checkOptionNames(options, ["signal", "timeoutMs"]);
    const { runner, query, method = "hybrid", rerank } = this.#state;
    const stage = { ...this.#stage(), ...options };
    const result: unknown =
      rerank === undefined
        ? await runner.search(method, query, stage)
        : await runner.rerankSearch(query, { ...stage, ...rerank, method } as RerankSearchOptions<Metadata>);
    return result as Result;
  }

  /** How Postgres runs the first stage. */
  async explain(options: DeadlineOptions & Pick<ExplainOptions<Metadata>, "format"> = {}): Promise<Explanation> {
    const { runner, query, method = "hybrid" } = this.#state;
    return runner.explain(query, { ...this.#stage(), ...options, method } as ExplainOptions<Metadata>);
  }

  #stage(): object {
    const { stage, filters } = this.#state;
    const [first] = filters;
    if (first === undefined) return stage;
    return { ...stage, where: filters.length === 1 ? first : { $and: filters } };
  }

  #choose<Next extends SearchMethod>(method: Next, options: object): SearchQuery<Metadata, Next, Result> {
    return new SearchQuery({ ...this.#state, method, stage: { ...options, ...this.#state.stage } });
  }

  #with(change: Partial<QueryState<Metadata>>): SearchQuery<Metadata, Method, Result> {
    return new SearchQuery({ ...this.#state, ...change });
  }
}
