import { checkInteger, invalidArgument } from "./check-options.ts";
import type { CollectionOptions, Distribution } from "./contracts/collection.ts";
import type { Capabilities, Database, OpenDatabase } from "./contracts/database.ts";
import type { Embedder } from "./contracts/embedder.ts";
import { type CollectionRecord, createCollection, findCollection, listLanguages } from "./database/catalog.ts";
import { declareSpaces } from "./declare-spaces.ts";
import { PgVectorDBError } from "./errors.ts";

/** @throws PgVectorDBError `collection_mismatch`, or `invalid_argument` for a language that Postgres does not know */
export async function openCollectionRecord(
  database: OpenDatabase,
  name: string,
  embedder: Embedder,
  { language, distance, storage, distribution, spaces }: CollectionOptions,
  signal: AbortSignal,
): Promise<CollectionRecord> {
  const found = await findCollection(database, name, { signal });
  if (found === undefined && language !== undefined) await checkLanguage(database, language, signal);
  const record =
    found ??
    (await createCollection(
      database,
      {
        name,
        embedder: embedder.id,
        dimensions: embedder.dimensions,
        distance: distance ?? "cosine",
        language: language ?? "english",
        storage: storage ?? "float32",
        shards: shardsOf(distribution, database.capabilities),
      },
      declareSpaces(spaces ?? {}, embedder),
      { signal },
    ));
  checkSame(record, embedder, { language, distance, storage });
  checkSameDistribution(record, distribution);
  return record;
}

function checkSame(
  record: CollectionRecord,
  embedder: Embedder,
  { language, distance, storage }: Pick<CollectionOptions, "language" | "distance" | "storage">,
): void {
  const made = `The collection ${JSON.stringify(record.name)} was made with`;
  if (record.embedder !== embedder.id || record.dimensions !== embedder.dimensions) {
    throw mismatch(
      `${made} the embedder "${record.embedder}" (${record.dimensions} dimensions), not "${embedder.id}" ` +
        `(${embedder.dimensions}). Pass that \`embedder\`, or move the collection: db.reembed(name, embedder).`,
    );
  }
  if (distance !== undefined && record.distance !== distance) {
    throw mismatch(`${made} the distance "${record.distance}". Leave \`distance\` out, or make another collection.`);
  }
  if (storage !== undefined && record.storage !== storage) {
    throw mismatch(`${made} the storage "${record.storage}". Leave \`storage\` out, or make another collection.`);
  }
  if (language !== undefined && record.language !== language) {
    throw mismatch(`${made} the language "${record.language}". Leave \`language\` out, or make another collection.`);
  }
}

const DEFAULT_SHARDS = 32;
const DEFAULT_PARTITIONS = 8;
const MAX_SHARDS = 1024;

/** @throws PgVectorDBError `invalid_argument` */
export function checkDistribution(distribution: unknown): void {
  if (distribution === undefined) return;
  if (typeof distribution !== "object" || distribution === null || Array.isArray(distribution)) {
    throw invalidArgument("`distribution` must be an object: { shards: 32 }.");
  }
  const { column, shards, ...others } = distribution as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw invalidArgument(`\`distribution\` has the unknown field \`${unknown}\`.`);
  if (column !== undefined && column !== "id") {
    throw invalidArgument('`distribution.column` must be "id": another would let one id be there twice.');
  }
  checkInteger("distribution.shards", shards, { min: 1, max: MAX_SHARDS });
}

function shardsOf(distribution: Distribution | undefined, { embedded, citus }: Capabilities): number | null {
  if (distribution === undefined) return null;
  if (embedded) throw invalidArgument("`distribution` needs a server: the embedded database is one table in one file.");
  return distribution.shards ?? (citus ? DEFAULT_SHARDS : DEFAULT_PARTITIONS);
}

function checkSameDistribution({ name, shards }: CollectionRecord, distribution: Distribution | undefined): void {
  if (distribution === undefined || (shards !== null && (distribution.shards ?? shards) === shards)) return;
  const made = shards === null ? "in one piece" : `in ${shards} pieces`;
  throw mismatch(
    `The collection ${JSON.stringify(name)} was made ${made}. Leave \`distribution\` out, or make another collection.`,
  );
}

/** @throws PgVectorDBError `invalid_argument` that lists the languages */
export async function checkLanguage(database: Database, language: unknown, signal: AbortSignal): Promise<void> {
  const languages = await listLanguages(database, { signal });
  if (typeof language !== "string" || !languages.includes(language)) {
    throw invalidArgument(`\`language\` must be one that this Postgres knows: ${languages.join(", ")}.`);
  }
}

function mismatch(message: string): PgVectorDBError {
  return new PgVectorDBError("collection_mismatch", message);
}
