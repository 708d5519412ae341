import { checkInteger, checkOptionNames, invalidArgument } from "./check-options.ts";
import type { CollectionContext } from "./collection-context.ts";
import type {
  AddDocumentsOptions,
  AddResult,
  CollectionInfo,
  DocumentInput,
  ExplainOptions,
  Explanation,
  FuzzySearchOptions,
  HybridSearchOptions,
  KeywordSearchOptions,
  MeasureRecallOptions,
  MultimodalSearchOptions,
  RecallReport,
  ReembedOptions,
  RerankSearchOptions,
  RerankSearchResult,
  SearchResult,
  SemanticSearchOptions,
  StoredDocument,
  VectorIndexOptions,
} from "./contracts/collection.ts";
import type { Statement } from "./contracts/database.ts";
import type { Embedder } from "./contracts/embedder.ts";
import type { Reranker } from "./contracts/reranker.ts";
import type { Where } from "./contracts/where.ts";
import {
  countDocuments,
  createKeywordIndex,
  deleteDocuments,
  dropVectorIndex,
  selectDocuments,
} from "./database/document-table.ts";
import { buildVectorIndex, MAX_INDEXED_DIMENSIONS } from "./database/vector-index.ts";
import { type DeadlineOptions, withDeadline } from "./deadline.ts";
import { checkEmbedder } from "./embed-texts.ts";
import { addDocuments, checkAddArguments, refreshStatistics } from "./ingest/add-documents.ts";
import { checkId } from "./ingest/normalize-document.ts";
import { checkReembedOptions, reembed } from "./ingest/reembed.ts";
import { loadOnce } from "./load-once.ts";
import { CollectionSearch } from "./retrieval/collection-search.ts";
import { SearchQuery } from "./retrieval/search-query.ts";
import { compileWhere } from "./search/compile-where.ts";

export interface CollectionParts {
  readonly context: CollectionContext;
  /** The reranker that is used when a search names none. */
  readonly defaultReranker: () => Promise<Reranker>;
}

/**
 * Documents with their embeddings, searched by meaning, by keywords, by both or by more aspects, and reranked. Made by `db.collection()`.
 *
 * Every method rejects with PgVectorDBError: `invalid_argument` before anything is read or written, `aborted` and
 * `timeout` between statements (one that runs is not interrupted), `database_error`, `collection_not_found` when the
 * collection was dropped, `collection_mismatch` when it was moved to another embedder, `closed`.
 */
export class Collection<Metadata extends object = Record<string, unknown>> {
  #context: CollectionContext;
  /** Once per object: an earlier load may have been interrupted before its end. Shared by all callers, so nobody's signal ends it. */
  readonly #ensureKeywordIndex = loadOnce(async () => {
    const { database, target, record } = this.#context;
    await database.query(createKeywordIndex(target, record.language));
  });

  readonly #search: CollectionSearch<Metadata>;

  constructor({ context, defaultReranker }: CollectionParts) {
    this.#context = context;
    this.#search = new CollectionSearch({
      context: () => this.#context,
      ensureKeywordIndex: this.#ensureKeywordIndex,
      defaultReranker,
    });
  }

  get name(): string {
    return this.#context.record.name;
  }

  /** What the collection remembers: embedder, dimensions, distance and language. */
  get info(): CollectionInfo {
    const { name, embedder, dimensions, distance, language } = this.#context.record;
    return { name, embedder, dimensions, distance, language };
  }

  /**
   * Adds documents, and replaces those whose `id` is there already. Content that is stored already is neither embedded
   * nor written; changed metadata alone is written alone. A batch is checked before any of it is written, and written
   * as a whole; batches before a failure stay. An iterable is read no further ahead than two batches.
   *
   * @throws PgVectorDBError `invalid_argument` that names `documents[i]`; `invalid_response` when the embedder breaks its contract
   */
  async addDocuments(
    documents: Iterable<DocumentInput<Metadata>> | AsyncIterable<DocumentInput<Metadata>>,
    options: AddDocumentsOptions = {},
  ): Promise<AddResult> {
    checkAddArguments(documents, options);
    return withDeadline(options, async (signal) => {
      const result = await addDocuments(this.#context, documents, options, signal);
      // After the documents, not before: building the index at once is faster than adding to it.
      await this.#ensureKeywordIndex();
      await refreshStatistics(this.#context, result, signal);
      return result;
    });
  }

  /** The document with this id, or `undefined`. */
  async get(id: string, options?: DeadlineOptions): Promise<StoredDocument<Metadata> | undefined>;
  /** `result[i]` belongs to `ids[i]`; `undefined` where there is none. */
  async get(ids: readonly string[], options?: DeadlineOptions): Promise<(StoredDocument<Metadata> | undefined)[]>;
  async get(ids: string | readonly string[], options: DeadlineOptions = {}) {
    const asked = checkIds(ids);
    const rows = await this.#query<StoredDocument<Metadata>>(selectDocuments(this.#context.target, asked), options);
    const byId = new Map(rows.map((row) => [row.id, row]));
    const found = asked.map((id) => byId.get(id));
    return Array.isArray(ids) ? found : found[0];
  }

  /** @returns how many of them were there */
  async delete(ids: string | readonly string[], options: DeadlineOptions = {}): Promise<number> {
    const rows = await this.#query(deleteDocuments(this.#context.target, checkIds(ids)), options);
    return rows.length;
  }

  /** How many documents there are, or match `where`. */
  async count(where?: Where<Metadata>, options: DeadlineOptions = {}): Promise<number> {
    const [row] = await this.#query<{ count: number }>(
      countDocuments(this.#context.target, compileWhere(where)),
      options,
    );
    return row?.count ?? 0;
  }

  /** The nearest documents by meaning. */
  async semanticSearch(query: string, options: SemanticSearchOptions<Metadata> = {}): Promise<SearchResult<Metadata>> {
    return this.#search.search("semantic", query, options);
  }

  /** The best documents by BM25 that have any of the query's terms, or its phrase. A query without terms finds nothing. */
  async keywordSearch(query: string, options: KeywordSearchOptions<Metadata> = {}): Promise<SearchResult<Metadata>> {
    return this.#search.search("keyword", query, options);
  }

  /** Documents with words that look like the query's, typing errors and all, by their trigrams. */
  async fuzzySearch(query: string, options: FuzzySearchOptions<Metadata> = {}): Promise<SearchResult<Metadata>> {
    return this.#search.search("trigram", query, options);
  }

  /** Semantic and keyword search, fused in one statement. */
  async hybridSearch(query: string, options: HybridSearchOptions<Metadata> = {}): Promise<SearchResult<Metadata>> {
    return this.#search.search("hybrid", query, options);
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
    return this.#search.search("multimodal", query, options);
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
    return this.#search.rerankSearch(query, options);
  }

  /** A search put together step by step: `products.query(text).hybrid().where(…).candidates(100).rerank(r, { topK: 5 }).run()`. */
  query(text: string): SearchQuery<Metadata> {
    return new SearchQuery({ runner: this.#search, query: text, stage: {}, filters: [] });
  }

  /** Runs a search's first stage under `EXPLAIN (ANALYZE)`: which indexes it used, and how long each part took. */
  async explain(query: string, options: ExplainOptions<Metadata> = {}): Promise<Explanation> {
    return this.#search.explain(query, options);
  }

  /**
   * How much of the exact answer semantic search finds through the vector index: its recall at `k`, and what it saves. Use
   * queries like those that will be asked; fifty give a first idea.
   */
  async measureRecall(queries: readonly string[], options: MeasureRecallOptions<Metadata> = {}): Promise<RecallReport> {
    return this.#search.measureRecall(queries, options);
  }

  /**
   * Builds an HNSW index over the embeddings. Without one every semantic search compares with every vector, which is
   * exact; an index pays off from some 50,000 documents on. Build it after loading: adding to an index is several times
   * slower than building it.
   */
  async createIndex(options: VectorIndexOptions = {}): Promise<void> {
    checkOptionNames(options, ["m", "efConstruction", "signal", "timeoutMs"]);
    const { m = 16, efConstruction = 64 } = options;
    checkInteger("m", m, { min: 2, max: 100 });
    checkInteger("efConstruction", efConstruction, { min: Math.max(4, 2 * m), max: 1000 });
    const { record, target, textSpaces, database } = this.#context;
    if (record.dimensions > MAX_INDEXED_DIMENSIONS) {
      throw invalidArgument(
        `An index holds at most ${MAX_INDEXED_DIMENSIONS} dimensions; the embedder has ${record.dimensions}.`,
      );
    }
    await withDeadline(options, async (signal) => {
      for (const indexed of [target, ...textSpaces.map((space) => space.target)]) {
        await buildVectorIndex(database, indexed, { m, efConstruction }, signal);
      }
    });
  }

  /** Removes the HNSW index, for instance before loading many documents. */
  async dropIndex(options: DeadlineOptions = {}): Promise<void> {
    const { target, textSpaces } = this.#context;
    for (const indexed of [target, ...textSpaces.map((space) => space.target)]) {
      await this.#query(dropVectorIndex(indexed), options);
    }
  }

  /**
   * Moves the collection to another embedder. Searches go on with the old one until every document is embedded anew;
   * then all of it switches at once. Interrupted, it harms nothing, and goes on where it was when called again. Other
   * objects of the same collection must be opened again with the new embedder.
   */
  async reembed(embedder: Embedder, options: ReembedOptions = {}): Promise<void> {
    checkEmbedder(embedder);
    checkReembedOptions(options);
    await withDeadline(options, async (signal) => {
      const { textSpaces } = this.#context;
      const moved = await reembed(this.#context.database, this.name, embedder, options, signal);
      this.#context = { ...moved, textSpaces };
    });
  }

  async #query<Row extends object>(statement: Statement, options: DeadlineOptions): Promise<Row[]> {
    checkOptionNames(options, ["signal", "timeoutMs"]);
    return withDeadline(options, (signal) => this.#context.database.query<Row>(statement, { signal }));
  }
}

function checkIds(ids: unknown): string[] {
  if (!Array.isArray(ids)) return [checkId("id", ids)];
  return ids.map((id: unknown, position) => checkId(`ids[${position}]`, id));
}
