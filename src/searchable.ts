import { checkOptionNames, checkText } from "./check-options.ts";
import type { SearchContext } from "./collection-context.ts";
import type {
  HybridSearchOptions,
  KeywordSearchOptions,
  RerankSearchOptions,
  RerankSearchResult,
  SearchResult,
  SemanticSearchOptions,
} from "./contracts/collection.ts";
import type { Reranker } from "./contracts/reranker.ts";
import type { Where } from "./contracts/where.ts";
import { countDocuments } from "./database/document-table.ts";
import { type DeadlineOptions, withDeadline } from "./deadline.ts";
import { toReranker } from "./rerankers/function-reranker.ts";
import { planRerankSearch, rerankSearch } from "./retrieval/rerank-search.ts";
import { retrieve } from "./retrieval/retrieve.ts";
import { planRetrieval, type SearchMethod } from "./retrieval/search-options.ts";
import { compileWhere } from "./search/compile-where.ts";

const DEFAULT_K = 10;

/** What can be searched and reranked: the half of a collection that changes nothing. */
export abstract class Searchable<Metadata extends object> {
  readonly #defaultReranker: () => Promise<Reranker>;

  /** @param defaultReranker the reranker of a search that names none */
  constructor(defaultReranker: () => Promise<Reranker>) {
    this.#defaultReranker = defaultReranker;
  }

  /** What the next search works with. */
  protected abstract get searchContext(): SearchContext;

  /** Called before every search by keywords. */
  protected abstract prepareKeywordSearch(): Promise<void>;

  /** How many documents there are, or match `where`. */
  async count(where?: Where<Metadata>, options: DeadlineOptions = {}): Promise<number> {
    const { database, target } = this.searchContext;
    const statement = countDocuments(target, compileWhere(where));
    checkOptionNames(options, ["signal", "timeoutMs"]);
    const [row] = await withDeadline(options, (signal) => database.query<{ count: number }>(statement, { signal }));
    return row?.count ?? 0;
  }

  /** The nearest documents by meaning. */
  async semanticSearch(query: string, options: SemanticSearchOptions<Metadata> = {}): Promise<SearchResult<Metadata>> {
    return this.#search("semantic", query, options);
  }

  /** The best documents by BM25 that have any of the query's terms. A query without terms finds nothing. */
  async keywordSearch(query: string, options: KeywordSearchOptions<Metadata> = {}): Promise<SearchResult<Metadata>> {
    return this.#search("keyword", query, options);
  }

  /** Both, fused by reciprocal rank fusion in one statement. */
  async hybridSearch(query: string, options: HybridSearchOptions<Metadata> = {}): Promise<SearchResult<Metadata>> {
    return this.#search("hybrid", query, options);
  }

  /**
   * Takes `k` candidates from the database by `method`, reranks them and returns the best `rerankTopK`.
   *
   * @example
   * ```ts
   * const { hits } = await products.rerankSearch("best headphones under $200", { where: { price: { $lte: 200 } } });
   * ```
   */
  async rerankSearch(
    query: string,
    options: RerankSearchOptions<Metadata> = {},
  ): Promise<RerankSearchResult<Metadata>> {
    const checkedQuery = checkText("query", query);
    const plan = planRerankSearch(options);
    const given = options.reranker === undefined ? undefined : toReranker(options.reranker);
    return withDeadline(options, async (signal) => {
      if (plan.retrieval.method !== "semantic") await this.prepareKeywordSearch();
      const reranker = given ?? (await this.#defaultReranker());
      return rerankSearch<Metadata>(this.searchContext, reranker, checkedQuery, plan, signal);
    });
  }

  async #search(method: SearchMethod, query: string, options: DeadlineOptions): Promise<SearchResult<Metadata>> {
    const checkedQuery = checkText("query", query);
    const plan = planRetrieval(method, options, DEFAULT_K);
    return withDeadline(options, async (signal) => {
      const startedAt = performance.now();
      if (method !== "semantic") await this.prepareKeywordSearch();
      const { timings, ...found } = await retrieve<Metadata>(this.searchContext, checkedQuery, plan, signal);
      return { ...found, timings: { ...timings, totalMs: performance.now() - startedAt } };
    });
  }
}
