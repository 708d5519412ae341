import { invalidArgument } from "./check-options.ts";
import type { CollectionOptions } from "./contracts/collection.ts";
import type { Database, OpenDatabase } from "./contracts/database.ts";
import type { Embedder } from "./contracts/embedder.ts";
import { declareSpaces } from "./declare-spaces.ts";
import { type CollectionRecord, createCollection, findCollection, listLanguages } from "./database/catalog.ts";
import { PgVectorDBError } from "./errors.ts";

/** @throws PgVectorDBError `collection_mismatch`, or `invalid_argument` for a language that Postgres does not know */
export async function openCollectionRecord(
  database: OpenDatabase,
  name: string,
  embedder: Embedder,
  { language, distance, storage, spaces }: CollectionOptions,
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
      },
      declareSpaces(spaces ?? {}, embedder),
      { signal },
    ));
  checkSame(record, embedder, { language, distance, storage });
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

async function checkLanguage(database: Database, language: unknown, signal: AbortSignal): Promise<void> {
  const languages = await listLanguages(database, { signal });
  if (typeof language !== "string" || !languages.includes(language)) {
    throw invalidArgument(`\`language\` must be one that this Postgres knows: ${languages.join(", ")}.`);
  }
}

function mismatch(message: string): PgVectorDBError {
  return new PgVectorDBError("collection_mismatch", message);
}
