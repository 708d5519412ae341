import type { OpenDatabase } from "./contracts/database.ts";
import type { Embedder } from "./contracts/embedder.ts";
import { type CollectionRecord, targetOf } from "./database/catalog.ts";
import type { SpaceRecord } from "./database/space-columns.ts";
import { PgVectorDBError } from "./errors.ts";
import type { SearchTarget } from "./search/search-target.ts";

/** What a search works with. */
export interface SearchContext {
  readonly database: OpenDatabase;
  readonly target: SearchTarget;
  /** Absent where there are no embeddings to compare with. */
  readonly embedder?: Embedder | undefined;
  /** What multimodal search can ask. Default: nothing. */
  readonly spaces?: readonly SpaceRecord[] | undefined;
  readonly textSpaces?: readonly TextSpaceContext[] | undefined;
}

/** A text space with what searches and fills it. */
export interface TextSpaceContext {
  readonly name: string;
  /** The metadata field with the text; `undefined` for the content. */
  readonly path: readonly string[] | undefined;
  readonly embedder: Embedder;
  /** The collection's table, with the space's column for the embedding. */
  readonly target: SearchTarget;
}

/** What the operations of a collection work with. */
export interface CollectionContext extends SearchContext {
  readonly record: CollectionRecord;
  readonly embedder: Embedder;
  readonly textSpaces: readonly TextSpaceContext[];
}

export function createContext(
  database: OpenDatabase,
  record: CollectionRecord,
  embedder: Embedder,
  textSpaces: readonly TextSpaceContext[] = [],
): CollectionContext {
  const target = targetOf(record, database.capabilities);
  const { spaces } = record;
  return { database: reportingStale(database, record.name), record, embedder, target, spaces, textSpaces };
}

const UNDEFINED_TABLE = "42P01";
const UNDEFINED_COLUMN = "42703";

/**
 * The names of a collection's table and embedding column are never used again: one that is gone was dropped, or moved to
 * another embedder, since this object was made.
 */
function reportingStale(database: OpenDatabase, name: string): OpenDatabase {
  const session = database.session?.bind(database);
  const explain = (error: unknown): never => {
    const sqlState = error instanceof PgVectorDBError ? error.sqlState : undefined;
    if (sqlState === UNDEFINED_TABLE) {
      throw new PgVectorDBError("collection_not_found", `The collection ${JSON.stringify(name)} was dropped.`, {
        cause: error,
      });
    }
    if (sqlState === UNDEFINED_COLUMN) {
      throw new PgVectorDBError(
        "collection_mismatch",
        `The collection ${JSON.stringify(name)} was moved to another embedder by \`reembed()\`. Open it again with that one.`,
        { cause: error },
      );
    }
    throw error;
  };
  return {
    capabilities: database.capabilities,
    connections: database.connections,
    query: (statement, options) => database.query<never>(statement, options).catch(explain),
    transaction: (work, options) => database.transaction(work, options).catch(explain),
    ...(session === undefined ? {} : { session: (work, options) => session(work, options).catch(explain) }),
    close: () => database.close(),
  };
}
