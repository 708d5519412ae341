import { checkOptionNames, checkText } from "./check-options.ts";
import type { SearchContext } from "./collection-context.ts";
import type {
  ExplainOptions,
  Explanation,
  FuzzySearchOptions,
  HybridSearchOptions,
  KeywordSearchOptions,
  MeasureRecallOptions,
  MultimodalSearchOptions,
  RecallReport,
  RerankSearchOptions,
  RerankSearchResult,
  SearchResult,
  SemanticSearchOptions,
} from "./contracts/collection.ts";
import type { Reranker } from "./contracts/reranker.ts";
import type { Where } from "./contracts/where.ts";
import { countDocuments } from "./database/document-table.ts";
import { requireTrigrams } from "./database/fuzzy-index.ts";
import { type DeadlineOptions, withDeadline } from "./deadline.ts";
import { toReranker } from "./rerankers/function-reranker.ts";
import { asksKeywords } from "./retrieval/embed-query.ts";
import { explain, planExplain } from "./retrieval/explain.ts";
import { checkRecallArguments, measureRecall } from "./retrieval/measure-recall.ts";
import { planRerankSearch, rerankSearch } from "./retrieval/rerank-search.ts";
import { retrieve } from "./retrieval/retrieve.ts";
import { type PlanSettings, planRetrieval, type RetrievalPlan, type SearchMethod } from "./retrieval/search-options.ts";
import { SearchQuery } from "./retrieval/search-query.ts";
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

  /** Called before every search by trigrams. */
  protected async prepareTrigramSearch(): Promise<void> {}

  /** Called before every search that asks spaces. */
  protected async prepareSpaces(): Promise<void> {}

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

  /**
   * The best documents by BM25 (on a server without pg_textsearch: by Postgres' full-text rank) that have any of the query's
   * terms, or its phrase. A query without terms finds nothing.
   */
  async keywordSearch(query: string, options: KeywordSearchOptions<Metadata> = {}): Promise<SearchResult<Metadata>> {
    return this.#search("keyword", query, options);
  }

  /**
   * Documents with words that look like the query's, typing errors and all, by their trigrams. Long texts are found by their
   * words; with `exact` every text is compared.
   *
   * @throws PgVectorDBError `missing_dependency` on a server without pg_trgm
   */
  async fuzzySearch(query: string, options: FuzzySearchOptions<Metadata> = {}): Promise<SearchResult<Metadata>> {
    return this.#search("trigram", query, options);
  }

  /** Semantic and keyword search, fused in one statement. */
  async hybridSearch(query: string, options: HybridSearchOptions<Metadata> = {}): Promise<SearchResult<Metadata>> {
    return this.#search("hybrid", query, options);
  }

  /**
   * The best documents by several aspects at once: meaning, keywords, and the spaces that the collection was made with. The
   * candidates are the best `k` of every aspect; each aspect scores all of them on 0..1, and their weighted mean orders them.
   *
   * @example
   * ```ts
   * const { hits } = await products.multimodalSearch("noise cancelling headphones", {
   *   spaces: { price: { weight: 0.5 }, brand: { value: "sony", weight: 0.3 }, fresh: { weight: 0.2 } },
   * });
   * ```
   */
  async multimodalSearch(
    query: string,
    options: MultimodalSearchOptions<Metadata> = {},
  ): Promise<SearchResult<Metadata>> {
    return this.#search("multimodal", query, options);
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
    const plan = planRerankSearch(options, this.#planSettings);
    const given = options.reranker === undefined ? undefined : toReranker(options.reranker);
    return withDeadline(options, async (signal) => {
      await this.#prepare(plan.retrieval);
      const reranker = given ?? (await this.#defaultReranker());
      return rerankSearch<Metadata>(this.searchContext, reranker, checkedQuery, plan, signal);
    });
  }

  /** A search put together step by step: `products.query(text).hybrid().where(…).candidates(100).rerank(r, { topK: 5 }).run()`. */
  query(text: string): SearchQuery<Metadata> {
    const runner = {
      search: (method: SearchMethod, query: string, options: DeadlineOptions) => this.#search(method, query, options),
      rerankSearch: (query: string, options: RerankSearchOptions<Metadata>) => this.rerankSearch(query, options),
      explain: (query: string, options: ExplainOptions<Metadata>) => this.explain(query, options),
    };
    return new SearchQuery({ runner, query: text, stage: {}, filters: [] });
  }

  /** Runs a search's first stage under `EXPLAIN (ANALYZE)`: which indexes it used, and how long each part took. */
  async explain(query: string, options: ExplainOptions<Metadata> = {}): Promise<Explanation> {
    const checkedQuery = checkText("query", query);
    const { plan, format } = planExplain(options, this.#planSettings);
    return withDeadline(options, async (signal) => {
      await this.#prepare(plan);
      return explain(this.searchContext, checkedQuery, plan, format, signal);
    });
  }

  /**
   * How much of the exact answer semantic search finds through the vector index: its recall at `k`, and what it saves. Use
   * queries like those that will be asked; fifty give a first idea.
   */
  async measureRecall(queries: readonly string[], options: MeasureRecallOptions<Metadata> = {}): Promise<RecallReport> {
    const checked = checkRecallArguments(queries, options);
    const plan = planRetrieval("semantic", options, this.#planSettings);
    return withDeadline(options, (signal) => measureRecall(this.searchContext, checked, plan, signal));
  }

  async #search(method: SearchMethod, query: string, options: DeadlineOptions): Promise<SearchResult<Metadata>> {
    const checkedQuery = checkText("query", query);
    const plan = planRetrieval(method, options, this.#planSettings);
    return withDeadline(options, async (signal) => {
      const startedAt = performance.now();
      await this.#prepare(plan);
      const { timings, ...found } = await retrieve<Metadata>(this.searchContext, checkedQuery, plan, signal);
      return { ...found, timings: { ...timings, totalMs: performance.now() - startedAt } };
    });
  }

  get #planSettings(): PlanSettings {
    const { spaces = [], embedder } = this.searchContext;
    return { defaultK: DEFAULT_K, spaces, hybridWeight: embedder?.hybridWeight };
  }

  async #prepare(plan: RetrievalPlan): Promise<void> {
    if (asksKeywords(plan)) await this.prepareKeywordSearch();
    if (plan.method === "trigram") {
      requireTrigrams(this.searchContext.database);
      await this.prepareTrigramSearch();
    }
    if (plan.spaces.length > 0) await this.prepareSpaces();
  }
}
