import { checkCallback, checkInteger, checkOptionNames, invalidArgument } from "../check-options.ts";
import type { CollectionContext } from "../collection-context.ts";
import type { AddDocumentsOptions, AddProgress, AddResult, DocumentInput } from "../contracts/collection.ts";
import { buildIndex } from "../database/build-index.ts";
import { analyze } from "../database/document-table.ts";
import { contentIndex } from "../database/index-definition.ts";
import { throwIfAborted } from "../deadline.ts";
import { inBatches } from "./in-batches.ts";
import { normalizeDocument } from "./normalize-document.ts";
import { type Comparison, type PreparedBatch, prepareBatch } from "./prepare-batch.ts";
import { writeBatch } from "./write-batch.ts";

export const DEFAULT_BATCH_SIZE = 256;
export const MAX_BATCH_SIZE = 10_000;
const ROWS_WORTH_ANALYZING = 500;

export type DocumentSource<Metadata extends object> =
  | Iterable<DocumentInput<Metadata>>
  | AsyncIterable<DocumentInput<Metadata>>;

type Counts = { -readonly [Key in keyof AddProgress]: number };

/** @throws PgVectorDBError `invalid_argument` */
export function checkAddArguments(documents: unknown, options: AddDocumentsOptions): void {
  const isIterable =
    typeof documents === "object" &&
    documents !== null &&
    (Symbol.iterator in documents || Symbol.asyncIterator in documents);
  if (!isIterable) {
    throw invalidArgument("`documents` must be an array, an iterable or an async iterable of documents.");
  }
  checkOptionNames(options, ["batchSize", "onProgress", "dedupe", "signal", "timeoutMs"]);
  checkInteger("batchSize", options.batchSize, { min: 1, max: MAX_BATCH_SIZE });
  checkCallback("onProgress", options.onProgress);
  if (options.dedupe !== undefined && options.dedupe !== "content") {
    throw invalidArgument('`dedupe` must be "content", or absent.');
  }
}

/** Reads, embeds and writes batch by batch; while one batch is written the next one is embedded. */
export async function addDocuments<Metadata extends object>(
  context: CollectionContext,
  documents: DocumentSource<Metadata>,
  options: AddDocumentsOptions & Comparison,
  signal: AbortSignal,
): Promise<AddResult> {
  const { batchSize = DEFAULT_BATCH_SIZE, dedupe, onProgress } = options;
  const counts: Counts = { documents: 0, inserted: 0, updated: 0, metadataUpdated: 0, unchanged: 0, superseded: 0 };
  const ids: string[] = [];
  if (dedupe === "content") await ensureContentIndex(context, signal);

  let position = 0;
  let writing: Promise<void> = Promise.resolve();
  let idsBeingWritten: ReadonlySet<string> = new Set();
  const write = async (batch: PreparedBatch) => {
    await writeBatch(context, batch, signal);
    for (const key of Object.keys(batch.counts) as (keyof AddProgress)[]) counts[key] += batch.counts[key];
    if (Array.isArray(documents)) ids.push(...batch.ids);
    onProgress?.({ ...counts });
  };
  try {
    for await (const inputs of inBatches(documents, batchSize)) {
      throwIfAborted(signal);
      const start = position;
      const batch = inputs.map((input, offset) => normalizeDocument(input, start + offset, context.record));
      position += inputs.length;
      // What is being written is not yet seen by the comparison with what is stored.
      if (dedupe !== undefined || batch.some(({ id }) => idsBeingWritten.has(id))) await writing;
      const prepared = await prepareBatch(context, batch, options, signal);
      await writing;
      idsBeingWritten = new Set(prepared.ids);
      writing = write(prepared);
      // Awaited below or in the next round; a failure in between is not an unhandled one.
      writing.catch(() => {});
    }
  } finally {
    // A batch on its way is finished before an error of the next one is told.
    await writing;
  }
  return Array.isArray(documents) ? { ...counts, ids } : counts;
}

async function ensureContentIndex({ database, target }: CollectionContext, signal: AbortSignal): Promise<void> {
  await buildIndex(database, target, { definition: contentIndex(target), concurrently: false }, signal);
}

/** The embedded database has no background process that would: the planner needs to know how many rows there are now. */
export async function refreshStatistics(
  { database, target }: CollectionContext,
  { inserted, updated }: AddResult,
  signal: AbortSignal,
): Promise<void> {
  if (inserted + updated >= ROWS_WORTH_ANALYZING) await database.query(analyze(target), { signal });
}
