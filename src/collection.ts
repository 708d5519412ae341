import { checkOptionNames } from "./check-options.ts";
import type { CollectionContext, SearchContext } from "./collection-context.ts";
import type {
  AddDocumentsOptions,
  AddProgress,
  AddResult,
  CollectionInfo,
  DocumentInput,
  ReembedOptions,
  StoredDocument,
} from "./contracts/collection.ts";
import type { Statement } from "./contracts/database.ts";
import type { Embedder } from "./contracts/embedder.ts";
import type {
  CollectionStats,
  FieldIndexType,
  IndexBuildOptions,
  IndexInfo,
  VectorIndexOptions,
} from "./contracts/indexes.ts";
import type { Reranker } from "./contracts/reranker.ts";
import type {
  ExportOptions,
  ImportOptions,
  MetadataChange,
  ReadDocumentsOptions,
  Selection,
} from "./contracts/writing.ts";
import { buildIndex, dropIndex } from "./database/build-index.ts";
import { infoOf } from "./database/catalog.ts";
import { deleteDocuments, selectDocuments, truncate } from "./database/document-table.ts";
import { ensureFuzzyIndex, type FuzzyIndex } from "./database/fuzzy-index.ts";
import { type IndexDefinition, metadataIndex } from "./database/index-definition.ts";
import { ensureKeywordIndex } from "./database/keyword-index.ts";
import { listIndexes } from "./database/list-indexes.ts";
import { ensureSpaceIndexes } from "./database/space-columns.ts";
import { buildVectorIndex } from "./database/vector-index.ts";
import { type DeadlineOptions, withDeadline } from "./deadline.ts";
import { checkEmbedder } from "./embed-texts.ts";
import { addDocuments, checkAddArguments, type DocumentSource, refreshStatistics } from "./ingest/add-documents.ts";
import { againOnConflict } from "./ingest/again-on-conflict.ts";
import { compileChange, updateDocuments } from "./ingest/change-metadata.ts";
import { exportDocuments } from "./ingest/export-documents.ts";
import { checkImportSource, readExport } from "./ingest/import-documents.ts";
import type { Comparison } from "./ingest/prepare-batch.ts";
import { DOCUMENT_FIELDS, ID_FIELD, readRows } from "./ingest/read-documents.ts";
import { checkReembedOptions, reembed } from "./ingest/reembed.ts";
import { checkIds, compileSelection } from "./ingest/select-documents.ts";
import { loadOnce } from "./load-once.ts";
import { collectionStats } from "./maintenance/collection-stats.ts";
import { checkBuildOptions, checkDroppable, planFieldIndex, planVectorIndex } from "./maintenance/index-options.ts";
import type { SearchTarget } from "./search/search-target.ts";
import { Searchable } from "./searchable.ts";

export interface CollectionParts {
  readonly context: CollectionContext;
  /** The reranker that is used when a search names none. */
  readonly defaultReranker: () => Promise<Reranker>;
}

/**
 * Documents with their embeddings, searched by meaning, by keywords, by both or by more aspects, and reranked. Made by `db.collection()`.
 *
 * Every method rejects with PgVectorDBError: `invalid_argument` before anything is read or written, `aborted` and
 * `timeout` (a statement that runs is cancelled on a server, and not interrupted in the embedded database), `database_error`, `collection_not_found` when the
 * collection was dropped, `collection_mismatch` when it was moved to another embedder, `closed`.
 */
export class Collection<Metadata extends object = Record<string, unknown>> extends Searchable<Metadata> {
  #context: CollectionContext;
  /** The indexes that searches make for themselves. */
  #searchIndexes = this.#unseenSearchIndexes();

  constructor({ context, defaultReranker }: CollectionParts) {
    super(defaultReranker);
    this.#context = context;
  }

  protected override get searchContext(): SearchContext {
    return this.#context;
  }

  protected override prepareKeywordSearch(): Promise<void> {
    return this.#searchIndexes.keyword();
  }

  protected override async prepareTrigramSearch(): Promise<void> {
    const indexes = this.#searchIndexes;
    const { vocabulary, isFinal } = await indexes.trigram();
    // What a few documents are searched by need not be right for many.
    if (!isFinal) indexes.trigram = this.#unseenFuzzyIndex();
    const { target } = this.#context;
    if (vocabulary !== target.vocabulary) this.#context = { ...this.#context, target: { ...target, vocabulary } };
  }

  protected override prepareSpaces(): Promise<void> {
    return this.#searchIndexes.spaces();
  }

  get name(): string {
    return this.#context.record.name;
  }

  /** What the collection remembers: embedder, dimensions, distance, storage, language and spaces. */
  get info(): CollectionInfo {
    return infoOf(this.#context.record);
  }

  /**
   * Adds documents, and replaces those whose `id` is there already. Content that is stored already is neither embedded
   * nor written; changed metadata alone is written alone. A batch is checked before any of it is written, and written
   * as a whole. On a server two are written at once; `onProgress` tells of them in their order, so that all documents that
   * it has told of are stored. Batches before a failure stay, and so may the one after it. An iterable is read no further
   * ahead than three batches (embedded: two).
   *
   * @throws PgVectorDBError `invalid_argument` that names `documents[i]`; `invalid_response` when the embedder breaks its contract
   */
  async addDocuments(
    documents: Iterable<DocumentInput<Metadata>> | AsyncIterable<DocumentInput<Metadata>>,
    options: AddDocumentsOptions = {},
  ): Promise<AddResult> {
    checkAddArguments(documents, options);
    return this.#add(documents, options);
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

  /**
   * The documents in the order of their ids, fetched page by page. One that is written meanwhile comes as it was or as it is.
   *
   * @example
   * ```ts
   * for await (const { id, metadata } of products.documents({ where: { price: { $gt: 100 } } })) console.log(id, metadata);
   * ```
   */
  documents(options: ReadDocumentsOptions<Metadata> = {}): AsyncGenerator<StoredDocument<Metadata>, void, undefined> {
    return readRows<StoredDocument<Metadata>>(this.#context, DOCUMENT_FIELDS, options);
  }

  /** The same documents' ids alone. */
  async *ids(options: ReadDocumentsOptions<Metadata> = {}): AsyncGenerator<string, void, undefined> {
    for await (const { id } of readRows(this.#context, ID_FIELD, options)) yield id;
  }

  /**
   * Changes metadata without touching content or embedding.
   *
   * @example
   * ```ts
   * await products.update({ where: { brand: "sony" } }, { merge: { onSale: true } });
   * ```
   * @returns how many documents there were to change
   */
  async update(
    selection: Selection<Metadata>,
    change: MetadataChange<Metadata>,
    options: DeadlineOptions = {},
  ): Promise<number> {
    const [condition, changed] = [compileSelection(selection), compileChange(change)];
    checkOptionNames(options, ["signal", "timeoutMs"]);
    return withDeadline(options, (signal) => updateDocuments(this.#context, condition, changed, signal));
  }

  /**
   * Removes documents by id, or those whose metadata match: `delete({ where: { brand: "sony" } })`.
   *
   * @returns how many of them were there
   */
  async delete(selection: Selection<Metadata>, options: DeadlineOptions = {}): Promise<number> {
    const statement = deleteDocuments(this.#context.target, compileSelection(selection));
    return (await againOnConflict(() => this.#query(statement, options))).length;
  }

  /** Removes every document; the collection, its settings and its indexes stay. */
  async deleteAll(options: DeadlineOptions = {}): Promise<void> {
    await this.#query(truncate(this.#context.target), options);
  }

  /**
   * The collection as lines of JSON, each with its end, for a file or a pipe; `import` reads them. Memory does not grow
   * with the collection.
   *
   * @example
   * ```ts
   * await pipeline(products.export({ embeddings: true }), createWriteStream("products.jsonl"));
   * ```
   */
  export(options: ExportOptions<Metadata> = {}): AsyncGenerator<string, void, undefined> {
    return exportDocuments(this.#context, options);
  }

  /**
   * Adds the documents of an export, as `addDocuments` would: what is stored already is skipped, so that an interrupted
   * import is simply started again. Vectors are taken over when the export has them and they are of the same embedder;
   * otherwise the documents are embedded. The collection's own settings stay.
   *
   * @param source the export's text or bytes in any pieces: `createReadStream("products.jsonl")`
   * @throws PgVectorDBError `invalid_argument` with the line's number for what is not an export, or not all of one
   */
  async import(
    source: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
    options: ImportOptions = {},
  ): Promise<AddProgress> {
    checkImportSource(source);
    checkOptionNames(options, ["batchSize", "onProgress", "signal", "timeoutMs"]);
    const documents = readExport(this.#context, source);
    checkAddArguments(documents, options);
    return this.#add(documents, { ...options, sameEmbedder: true });
  }

  /**
   * Builds an HNSW index over the embeddings. Without one every semantic search compares with every vector, which is
   * exact; an index pays off from some 50,000 documents on. Build it after loading: adding to an index is several times
   * slower than building it.
   */
  async createIndex(options: VectorIndexOptions = {}): Promise<void> {
    const build = planVectorIndex(this.#context, options);
    await withDeadline(options, async (signal) => {
      for (const target of this.#vectorTargets) await buildVectorIndex(this.#context.database, target, build, signal);
    });
  }

  /** Builds a GIN index that serves equality (`$eq`, `$in`) of every metadata field in `where`. */
  async createMetadataIndex(options: IndexBuildOptions = {}): Promise<void> {
    checkBuildOptions(options);
    await this.#buildIndex(metadataIndex(this.#context.target), options);
  }

  /**
   * Builds an index that serves ranges (`$lt`, `$gte`, `$between`, …) of one metadata field compared as `string`, `number`
   * or `date`, or its patterns (`$like`, `$ilike`).
   *
   * @param path the field, nested ones by dots: `size.width`
   */
  async createFieldIndex(path: string, type: FieldIndexType, options: IndexBuildOptions = {}): Promise<void> {
    const definition = planFieldIndex(this.#context, path, type);
    checkBuildOptions(options);
    await this.#buildIndex(definition, options);
  }

  /** The indexes that the collection has, by name. */
  async indexes(options: DeadlineOptions = {}): Promise<IndexInfo[]> {
    checkOptionNames(options, ["signal", "timeoutMs"]);
    const { database, target } = this.#context;
    return withDeadline(options, (signal) => listIndexes(database, target, { signal }));
  }

  /** Removes the HNSW index, and those of text spaces, for instance before loading many documents. */
  async dropIndex(options?: DeadlineOptions): Promise<void>;
  /** Removes an index by its name. That of keyword search is made again when it is next needed. */
  async dropIndex(name: string, options?: DeadlineOptions): Promise<void>;
  async dropIndex(first: string | DeadlineOptions = {}, second: DeadlineOptions = {}): Promise<void> {
    const options = typeof first === "string" ? second : first;
    checkOptionNames(options, ["signal", "timeoutMs"]);
    const { database, target } = this.#context;
    const names = typeof first === "string" ? [first] : this.#vectorTargets.map(({ vectorIndex }) => vectorIndex);
    await withDeadline(options, async (signal) => {
      if (typeof first === "string") checkDroppable(first, await listIndexes(database, target, { signal }));
      for (const name of names) await dropIndex(database, target, name, { signal });
      this.#searchIndexes = this.#unseenSearchIndexes();
    });
  }

  /** What the collection holds, and the room and the indexes it takes. */
  async stats(options: DeadlineOptions = {}): Promise<CollectionStats> {
    checkOptionNames(options, ["signal", "timeoutMs"]);
    return withDeadline(options, (signal) => collectionStats(this.#context, signal));
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

  /** The embeddings, and the vectors of every text space. */
  get #vectorTargets(): SearchTarget[] {
    const { target, textSpaces } = this.#context;
    return [target, ...textSpaces.map((space) => space.target)];
  }

  /** Each is looked for once: an earlier load may have been interrupted before its end. Shared by all callers, so nobody's signal ends it. */
  #unseenSearchIndexes() {
    return {
      keyword: loadOnce(() => ensureKeywordIndex(this.#context.database, this.#context.target)),
      trigram: this.#unseenFuzzyIndex(),
      spaces: loadOnce(() => {
        const { database, target, record } = this.#context;
        return ensureSpaceIndexes(database, target, record.spaces);
      }),
    };
  }

  #unseenFuzzyIndex(): () => Promise<FuzzyIndex> {
    return loadOnce(() => {
      const { database, target, record } = this.#context;
      return ensureFuzzyIndex(database, target, record.shards !== null);
    });
  }

  #buildIndex(definition: IndexDefinition, options: IndexBuildOptions): Promise<void> {
    const { database, target } = this.#context;
    const { concurrently, onProgress } = options;
    return withDeadline(options, (signal) =>
      buildIndex(database, target, { definition, concurrently, onProgress }, signal),
    );
  }

  #add(documents: DocumentSource<object>, options: AddDocumentsOptions & Comparison): Promise<AddResult> {
    return withDeadline(options, async (signal) => {
      const result = await addDocuments(this.#context, documents, options, signal);
      // After the documents, not before: building the index at once is faster than adding to it.
      await this.#searchIndexes.keyword();
      await refreshStatistics(this.#context, result, signal);
      return result;
    });
  }

  async #query<Row extends object>(statement: Statement, options: DeadlineOptions): Promise<Row[]> {
    checkOptionNames(options, ["signal", "timeoutMs"]);
    return withDeadline(options, (signal) => this.#context.database.query<Row>(statement, { signal }));
  }
}
