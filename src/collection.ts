import { checkInteger, checkOptionNames, invalidArgument } from "./check-options.ts";
import type { CollectionContext, SearchContext } from "./collection-context.ts";
import type {
  AddDocumentsOptions,
  AddProgress,
  AddResult,
  CollectionInfo,
  DocumentInput,
  ReembedOptions,
  StoredDocument,
  VectorIndexOptions,
} from "./contracts/collection.ts";
import type { Statement } from "./contracts/database.ts";
import type { Embedder } from "./contracts/embedder.ts";
import type { Reranker } from "./contracts/reranker.ts";
import type {
  ExportOptions,
  ImportOptions,
  MetadataChange,
  ReadDocumentsOptions,
  Selection,
} from "./contracts/writing.ts";
import { infoOf } from "./database/catalog.ts";
import { deleteDocuments, dropVectorIndex, selectDocuments, truncate } from "./database/document-table.ts";
import { ensureKeywordIndex } from "./database/keyword-index.ts";
import { ensureSpaceIndexes } from "./database/space-columns.ts";
import { ensureTrigramIndex } from "./database/trigram-index.ts";
import { buildVectorIndex, maxIndexedDimensions } from "./database/vector-index.ts";
import { type DeadlineOptions, withDeadline } from "./deadline.ts";
import { checkEmbedder } from "./embed-texts.ts";
import { addDocuments, checkAddArguments, type DocumentSource, refreshStatistics } from "./ingest/add-documents.ts";
import { changeMetadataStatement } from "./ingest/change-metadata.ts";
import { exportDocuments } from "./ingest/export-documents.ts";
import { fillTextSpaces } from "./ingest/fill-text-spaces.ts";
import { checkImportSource, readExport } from "./ingest/import-documents.ts";
import type { Comparison } from "./ingest/prepare-batch.ts";
import { DOCUMENT_FIELDS, ID_FIELD, readRows } from "./ingest/read-documents.ts";
import { checkReembedOptions, reembed } from "./ingest/reembed.ts";
import { checkIds, compileSelection } from "./ingest/select-documents.ts";
import { loadOnce } from "./load-once.ts";
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
 * `timeout` between statements (one that runs is not interrupted), `database_error`, `collection_not_found` when the
 * collection was dropped, `collection_mismatch` when it was moved to another embedder, `closed`.
 */
export class Collection<Metadata extends object = Record<string, unknown>> extends Searchable<Metadata> {
  #context: CollectionContext;
  /** Once per object: an earlier load may have been interrupted before its end. Shared by all callers, so nobody's signal ends it. */
  readonly #ensureKeywordIndex = loadOnce(async () => {
    const { database, target } = this.#context;
    await ensureKeywordIndex(database, target);
  });
  readonly #ensureTrigramIndex = loadOnce(() => ensureTrigramIndex(this.#context.database, this.#context.target));
  readonly #ensureSpaceIndexes = loadOnce(async () => {
    const { database, target, record } = this.#context;
    await ensureSpaceIndexes(database, target, record.spaces);
  });

  constructor({ context, defaultReranker }: CollectionParts) {
    super(defaultReranker);
    this.#context = context;
  }

  protected override get searchContext(): SearchContext {
    return this.#context;
  }

  protected override prepareKeywordSearch(): Promise<void> {
    return this.#ensureKeywordIndex();
  }

  protected override prepareTrigramSearch(): Promise<void> {
    return this.#ensureTrigramIndex();
  }

  protected override prepareSpaces(): Promise<void> {
    return this.#ensureSpaceIndexes();
  }

  get name(): string {
    return this.#context.record.name;
  }

  /** What the collection remembers: embedder, dimensions, distance, storage and language. */
  get info(): CollectionInfo {
    return infoOf(this.#context.record);
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
    const { database, target } = this.#context;
    const statement = changeMetadataStatement(target, compileSelection(selection), change);
    checkOptionNames(options, ["signal", "timeoutMs"]);
    return withDeadline(options, async (signal) => {
      const rows = await database.query<{ id: string }>(statement, { signal });
      // A text space may be made from the metadata.
      const ids = rows.map(({ id }) => id);
      await fillTextSpaces(this.#context, ids, signal);
      return rows.length;
    });
  }

  /**
   * Removes documents by id, or those whose metadata match: `delete({ where: { brand: "sony" } })`.
   *
   * @returns how many of them were there
   */
  async delete(selection: Selection<Metadata>, options: DeadlineOptions = {}): Promise<number> {
    const rows = await this.#query(deleteDocuments(this.#context.target, compileSelection(selection)), options);
    return rows.length;
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
    checkOptionNames(options, ["m", "efConstruction", "signal", "timeoutMs"]);
    const { m = 16, efConstruction = 64 } = options;
    checkInteger("m", m, { min: 2, max: 100 });
    checkInteger("efConstruction", efConstruction, { min: Math.max(4, 2 * m), max: 1000 });
    const { record, target, textSpaces, database } = this.#context;
    if (record.dimensions > maxIndexedDimensions(record.storage)) {
      throw invalidArgument(
        `An index holds at most ${maxIndexedDimensions(record.storage)} dimensions of ${record.storage}; the embedder has ${record.dimensions}.`,
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

  #add(documents: DocumentSource<object>, options: AddDocumentsOptions & Comparison): Promise<AddResult> {
    return withDeadline(options, async (signal) => {
      const result = await addDocuments(this.#context, documents, options, signal);
      // After the documents, not before: building the index at once is faster than adding to it.
      await this.#ensureKeywordIndex();
      await refreshStatistics(this.#context, result, signal);
      return result;
    });
  }

  async #query<Row extends object>(statement: Statement, options: DeadlineOptions): Promise<Row[]> {
    checkOptionNames(options, ["signal", "timeoutMs"]);
    return withDeadline(options, (signal) => this.#context.database.query<Row>(statement, { signal }));
  }
}
