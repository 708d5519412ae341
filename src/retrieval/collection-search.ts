import { checkText } from "../check-options.ts";
import type { CollectionContext } from "../collection-context.ts";
import type {
  ExplainOptions,
  Explanation,
  MeasureRecallOptions,
  RecallReport,
  RerankSearchOptions,
  RerankSearchResult,
  SearchResult,
} from "../contracts/collection.ts";
import type { Reranker } from "../contracts/reranker.ts";
import { createSpaceIndexes, createTrigramIndex } from "../database/space-columns.ts";
import { type DeadlineOptions, withDeadline } from "../deadline.ts";
import { loadOnce } from "../load-once.ts";
import { toReranker } from "../rerankers/function-reranker.ts";
import { asksKeywords } from "./embed-query.ts";
import { explain, planExplain } from "./explain.ts";
import { checkRecallArguments, measureRecall } from "./measure-recall.ts";
import { planRerankSearch, rerankSearch } from "./rerank-search.ts";
import { retrieve } from "./retrieve.ts";
import { planRetrieval, type RetrievalPlan, type SearchMethod } from "./search-options.ts";

const DEFAULT_K = 10;

export interface CollectionSearchParts {
  /** The collection's context as it is now: moving to another embedder changes it. */
  readonly context: () => CollectionContext;
  readonly ensureKeywordIndex: () => Promise<void>;
  /** The reranker that is used when a search names none. */
  readonly defaultReranker: () => Promise<Reranker>;
}

/** Every search of a collection: checks its arguments, makes the indexes it needs, and runs it under one deadline. */
export class CollectionSearch<Metadata extends object> {
  readonly #parts: CollectionSearchParts;
  /** Made on first use, once per object; shared by all callers, so nobody's signal ends it. */
  readonly #ensureTrigramIndex = loadOnce(async () => {
    const { database, target } = this.#parts.context();
    await database.query(createTrigramIndex(target));
  });
  readonly #ensureSpaceIndexes = loadOnce(async () => {
    const { database, target, record } = this.#parts.context();
    await createSpaceIndexes(database, target, record.spaces);
  });

  constructor(parts: CollectionSearchParts) {
    this.#parts = parts;
  }

  async search(method: SearchMethod, query: string, options: DeadlineOptions): Promise<SearchResult<Metadata>> {
    const checkedQuery = checkText("query", query);
    const plan = planRetrieval(method, options, { defaultK: DEFAULT_K, spaces: this.#context.record.spaces });
    return withDeadline(options, async (signal) => {
      const startedAt = performance.now();
      await this.#prepare(plan);
      const { timings, ...found } = await retrieve<Metadata>(this.#context, checkedQuery, plan, signal);
      return { ...found, timings: { ...timings, totalMs: performance.now() - startedAt } };
    });
  }

  async rerankSearch(query: string, options: RerankSearchOptions<Metadata>): Promise<RerankSearchResult<Metadata>> {
    const checkedQuery = checkText("query", query);
    const plan = planRerankSearch(options, this.#context.record.spaces);
    const given = options.reranker === undefined ? undefined : toReranker(options.reranker);
    return withDeadline(options, async (signal) => {
      await this.#prepare(plan.retrieval);
      const reranker = given ?? (await this.#parts.defaultReranker());
      return rerankSearch<Metadata>(this.#context, reranker, checkedQuery, plan, signal);
    });
  }

  async explain(query: string, options: ExplainOptions<Metadata>): Promise<Explanation> {
    const checkedQuery = checkText("query", query);
    const { plan, format } = planExplain(options, { defaultK: DEFAULT_K, spaces: this.#context.record.spaces });
    return withDeadline(options, async (signal) => {
      await this.#prepare(plan);
      return explain(this.#context, checkedQuery, plan, format, signal);
    });
  }

  async measureRecall(queries: readonly string[], options: MeasureRecallOptions<Metadata>): Promise<RecallReport> {
    const checked = checkRecallArguments(queries, options);
    const settings = { defaultK: DEFAULT_K, spaces: [] };
    const plan = planRetrieval("semantic", options, settings);
    return withDeadline(options, (signal) => measureRecall(this.#context, checked, plan, signal));
  }

  get #context(): CollectionContext {
    return this.#parts.context();
  }

  async #prepare(plan: RetrievalPlan): Promise<void> {
    if (asksKeywords(plan)) await this.#parts.ensureKeywordIndex();
    if (plan.method === "trigram") await this.#ensureTrigramIndex();
    if (plan.spaces.length > 0) await this.#ensureSpaceIndexes();
  }
}
