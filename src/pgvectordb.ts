import { AttachedTable } from "./attached-table.ts";
import { BuiltinModels } from "./builtin-models.ts";
import { checkOptionNames, checkText, invalidArgument } from "./check-options.ts";
import { Collection } from "./collection.ts";
import { createContext } from "./collection-context.ts";
import type { AttachOptions } from "./contracts/attach.ts";
import type { CollectionInfo, CollectionOptions, ReembedOptions } from "./contracts/collection.ts";
import type { OpenDatabase } from "./contracts/database.ts";
import type { Embedder } from "./contracts/embedder.ts";
import { attachTable } from "./database/attach-table.ts";
import { dropCollection, infoOf, listCollections, targetOf } from "./database/catalog.ts";
import { type DatabaseSource, openDatabase } from "./database/open-database.ts";
import { type DeadlineOptions, withDeadline } from "./deadline.ts";
import { checkSpaces, openTextSpaces } from "./declare-spaces.ts";
import { checkEmbedder } from "./embed-texts.ts";
import { checkReembedOptions, reembed } from "./ingest/reembed.ts";
import { checkDistribution, checkLanguage, openCollectionRecord } from "./open-collection.ts";
import { DISTANCES, STORAGES } from "./search/distance.ts";

/** Where the database is: `{ url }`, `{ pool }` or `{ pglite }`. */
export type OpenOptions = DatabaseSource & DeadlineOptions;

const MAX_NAME_LENGTH = 100;
const ATTACH_OPTIONS = [
  "table",
  "id",
  "content",
  "embedding",
  "metadata",
  "embedder",
  "distance",
  "language",
  "signal",
  "timeoutMs",
];

/**
 * A database of collections.
 *
 * @example
 * ```ts
 * await using db = await PgVectorDB.open({ url: "./data" });
 * const products = await db.collection("products");
 * await products.addDocuments([{ content: "WH-1000XM5 noise cancelling headphones" }]);
 * const { hits } = await products.rerankSearch("best headphones");
 * ```
 */
export class PgVectorDB implements AsyncDisposable {
  readonly #database: OpenDatabase;
  readonly #models: BuiltinModels;
  #closing: Promise<void> | undefined;

  private constructor(database: OpenDatabase, models: BuiltinModels) {
    this.#database = database;
    this.#models = models;
  }

  /**
   * Opens a database, and brings its schema up to date. A folder is made when there is none; it can be opened many times in
   * a process, by one process at a time. What was acknowledged survives the death of the process, but not a power cut: PGlite
   * does not wait for the disk. A server keeps its own promises, and many processes may open it.
   *
   * @throws PgVectorDBError `database_locked` when another process has the folder open; `invalid_argument`;
   * `database_error` when the folder or the server cannot be used or was written by a newer version; `unauthorized`;
   * `missing_dependency` when the package `pg`, pgvector or a newer Postgres is needed
   */
  static async open(options: OpenOptions): Promise<PgVectorDB> {
    checkOptionNames(options, ["url", "pool", "pglite", "signal", "timeoutMs"]);
    let opening: Promise<OpenDatabase> | undefined;
    try {
      return await withDeadline(options, async () => {
        opening = openDatabase(options);
        return new PgVectorDB(await opening, new BuiltinModels());
      });
    } catch (error) {
      // Given up by the deadline: the database that opens later has no owner. A failure to open was told already.
      opening?.then((database) => database.close()).catch(() => {});
      throw error;
    }
  }

  /**
   * Opens a collection, and makes it when there is none.
   *
   * @param name any text of up to 100 characters without control characters
   * @throws PgVectorDBError `collection_mismatch` when it was made with another embedder, distance, storage or language, or with
   * other spaces
   */
  async collection<Metadata extends object = Record<string, unknown>>(
    name: string,
    options: CollectionOptions = {},
  ): Promise<Collection<Metadata>> {
    checkName(name);
    checkOptionNames(options, [
      "embedder",
      "language",
      "distance",
      "storage",
      "distribution",
      "spaces",
      "signal",
      "timeoutMs",
    ]);
    const { embedder: given, distance, storage, spaces } = options;
    checkSpaces(spaces);
    if (given !== undefined) checkEmbedder(given);
    if (distance !== undefined) checkDistance(distance);
    checkDistribution(options.distribution);
    if (storage !== undefined && !STORAGES.includes(storage)) {
      throw invalidArgument(`\`storage\` must be one of: ${STORAGES.join(", ")}.`);
    }
    return withDeadline(options, async (signal) => {
      const embedder = given ?? (await this.#models.embedder());
      const record = await openCollectionRecord(this.#database, name, embedder, options, signal);
      const target = targetOf(record, this.#database.capabilities);
      return new Collection<Metadata>({
        context: createContext(this.#database, record, embedder, openTextSpaces(target, record, spaces, embedder)),
        defaultReranker: this.#models.reranker,
      });
    });
  }

  /**
   * Searches and reranks a table that is there already, without copying or altering it.
   *
   * @example
   * ```ts
   * const products = await db.attach({ table: "shop.products", id: "sku", content: "description", embedding: "embedding", metadata: ["price"] });
   * const { hits } = await products.rerankSearch("best headphones under $200", { where: { price: { $lte: 200 } } });
   * ```
   * @throws PgVectorDBError `invalid_argument` for a table or column that is not there or cannot be used
   */
  async attach<Metadata extends object = Record<string, unknown>>(
    options: AttachOptions,
  ): Promise<AttachedTable<Metadata>> {
    checkOptionNames(options, ATTACH_OPTIONS);
    const { embedder: given, distance = "cosine", language = "english" } = options;
    if (given !== undefined) checkEmbedder(given);
    checkDistance(distance);
    return withDeadline(options, async (signal) => {
      await checkLanguage(this.#database, language, signal);
      const embedder = options.embedding === undefined ? undefined : (given ?? (await this.#models.embedder()));
      const choice = { ...options, distance, language, dimensions: embedder?.dimensions };
      const view = await attachTable(this.#database, choice, signal);
      return new AttachedTable<Metadata>({
        database: this.#database,
        view,
        embedder,
        defaultReranker: this.#models.reranker,
      });
    });
  }

  /** Every collection, by name. */
  async collections(options: DeadlineOptions = {}): Promise<CollectionInfo[]> {
    checkOptionNames(options, ["signal", "timeoutMs"]);
    const records = await withDeadline(options, (signal) => listCollections(this.#database, { signal }));
    return records.map(infoOf);
  }

  /** Removes a collection with all of its documents. @returns whether there was one */
  async dropCollection(name: string, options: DeadlineOptions = {}): Promise<boolean> {
    checkName(name);
    checkOptionNames(options, ["signal", "timeoutMs"]);
    return withDeadline(options, (signal) => dropCollection(this.#database, name, { signal }));
  }

  /** `collection.reembed()` for a collection whose old embedder is no longer at hand. */
  async reembed(name: string, embedder: Embedder, options: ReembedOptions = {}): Promise<void> {
    checkName(name);
    checkEmbedder(embedder);
    checkReembedOptions(options);
    await withDeadline(options, (signal) => reembed(this.#database, name, embedder, options, signal));
  }

  /** Waits for the statements under way, then releases the database, its lock or its connections, and the built-in models. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#database.close().finally(() => this.#models.close());
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function checkDistance(distance: unknown): void {
  if (!DISTANCES.some((known) => known === distance)) {
    throw invalidArgument(`\`distance\` must be one of: ${DISTANCES.join(", ")}.`);
  }
}

function checkName(name: unknown): void {
  const text = checkText("name", name);
  if (text !== name || text.trim() !== text || text.length > MAX_NAME_LENGTH || /\p{Cc}/u.test(text)) {
    throw invalidArgument(
      `\`name\` must have at most ${MAX_NAME_LENGTH} characters, none of them a control character, and no space around it.`,
    );
  }
}
