import sql from "sql-template-tag";
import type { Database, OpenDatabase } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";
import { quotedName } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { tableOf } from "./document-table.ts";
import { ensureIndex, ifAllowed } from "./ensure-index.ts";
import { createWordIndex, vocabularyName, wordIndexName } from "./word-index.ts";

/** Documents that say whether a collection's texts are long. */
const SAMPLE = 1000;
/** Bytes: from some 30 words on nearly every text shares enough trigrams with a word to be read. */
const LONG = 200;

/** How a collection's fuzzy searches find documents. */
export interface FuzzyIndex {
  /** The table of words that they go by; absent: by the texts' own trigrams. */
  readonly vocabulary?: string | undefined;
  /** Whether that stays, whatever is added. */
  readonly isFinal: boolean;
}

/** @throws PgVectorDBError `missing_dependency` where Postgres has no pg_trgm */
export function requireTrigrams({ capabilities }: OpenDatabase): void {
  if (capabilities.trigram) return;
  throw new PgVectorDBError(
    "missing_dependency",
    "Fuzzy search needs the extension pg_trgm. It comes with PostgreSQL's contrib package: CREATE EXTENSION pg_trgm.",
  );
}

/**
 * Makes what fuzzy search needs so that it reads few texts: an index of their trigrams where they are short, of their words
 * where they are long. Who may not make it goes without, and finds the same as where all texts are compared.
 *
 * @param isInPieces partitions and shards have no triggers that see all that is written: their texts' trigrams are indexed
 */
export async function ensureFuzzyIndex(
  database: Database,
  target: SearchTarget,
  isInPieces: boolean,
): Promise<FuzzyIndex> {
  const byTrigrams = () =>
    ensureIndex(database, target, `${target.table}_trigrams`, sql`USING gin (content gin_trgm_ops)`);
  if (isInPieces) {
    await byTrigrams();
    return { isFinal: true };
  }
  const state = await readState(database, target);
  if (state.isReadable) return { vocabulary: vocabularyName(target), isFinal: true };
  const isSampled = state.documents === SAMPLE;
  if (state.bytes < LONG) await byTrigrams();
  else if (isSampled) {
    await ifAllowed(() => createWordIndex(database, target));
    const { isReadable } = await readState(database, target);
    return { vocabulary: isReadable ? vocabularyName(target) : undefined, isFinal: true };
  }
  return { isFinal: isSampled };
}

interface State {
  readonly documents: number;
  /** Of a text, on average. */
  readonly bytes: number;
  /** Whether the words are there, for this connection to read. */
  readonly isReadable: boolean;
}

async function readState(database: Database, target: SearchTarget): Promise<State> {
  const vocabulary = sql`to_regclass(${quotedName(target.schema, vocabularyName(target))})`;
  const [state] = await database.query<State>(
    sql`SELECT count(*)::int AS documents, coalesce(avg(octet_length(content)), 0)::float8 AS bytes,
      to_regclass(${quotedName(target.schema, wordIndexName(target))}) IS NOT NULL AND coalesce(has_table_privilege(${vocabulary}, 'SELECT'), false) AS "isReadable"
      FROM (SELECT content FROM ${tableOf(target)} LIMIT ${SAMPLE}) AS sample`,
  );
  return state ?? { documents: 0, bytes: 0, isReadable: false };
}
