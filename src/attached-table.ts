import { checkOptionNames } from "./check-options.ts";
import type { SearchContext } from "./collection-context.ts";
import type { RerankSearchOptions, RerankSearchResult } from "./contracts/collection.ts";
import type { OpenDatabase } from "./contracts/database.ts";
import type { Embedder } from "./contracts/embedder.ts";
import type { Reranker } from "./contracts/reranker.ts";
import { readingAttached, type TableView } from "./database/attach-table.ts";
import { suggestIndexes } from "./database/suggest-indexes.ts";
import { type DeadlineOptions, withDeadline } from "./deadline.ts";
import { Searchable } from "./searchable.ts";

export interface AttachedTableParts {
  readonly database: OpenDatabase;
  readonly view: TableView;
  /** Absent where the table has no embeddings. */
  readonly embedder: Embedder | undefined;
  readonly defaultReranker: () => Promise<Reranker>;
}

/**
 * A table that an application has already: searched and reranked where it is, neither copied nor altered. Made by
 * `db.attach()`. Rows that come and go are seen at once.
 *
 * Every method rejects with PgVectorDBError: `invalid_argument` before anything is read, `aborted`, `timeout`,
 * `database_error`, `closed`.
 */
export class AttachedTable<Metadata extends object = Record<string, unknown>> extends Searchable<Metadata> {
  readonly #context: SearchContext;
  readonly #database: OpenDatabase;
  readonly #view: TableView;

  constructor({ database, view, embedder, defaultReranker }: AttachedTableParts) {
    super(defaultReranker);
    this.#database = database;
    this.#view = view;
    this.#context = { database: readingAttached(database, view.target), target: view.target, embedder };
  }

  protected override get searchContext(): SearchContext {
    return this.#context;
  }

  protected override async prepareKeywordSearch(): Promise<void> {}

  /** Its name with its schema: `shop.products`. */
  get table(): string {
    return `${this.#view.table.schema}.${this.#view.table.name}`;
  }

  /** As `Collection.rerankSearch`. The default method is `keyword` where the table has no embeddings. */
  override async rerankSearch(
    query: string,
    options: RerankSearchOptions<Metadata> = {},
  ): Promise<RerankSearchResult<Metadata>> {
    const keywordOnly = this.#context.embedder === undefined && options?.method === undefined;
    return super.rerankSearch(
      query,
      keywordOnly ? ({ ...options, method: "keyword" } as RerankSearchOptions<Metadata>) : options,
    );
  }

  /**
   * The indexes that would make searches faster and are not there, as statements for you to look at and run: nothing is made
   * here. Each reads the whole table once; `CONCURRENTLY` lets the application write meanwhile.
   */
  async indexSuggestions(options: DeadlineOptions = {}): Promise<string[]> {
    checkOptionNames(options, ["signal", "timeoutMs"]);
    return withDeadline(options, (signal) => suggestIndexes(this.#database, this.#view, signal));
  }
}
