import { setTimeout } from "node:timers/promises";
import { checkCallback, checkInteger, checkOptionNames, invalidArgument } from "../check-options.ts";
import type { CollectionContext } from "../collection-context.ts";
import type { AddDocumentsOptions, AddProgress, AddResult, DocumentInput } from "../contracts/collection.ts";
import { buildIndex } from "../database/build-index.ts";
import { analyze } from "../database/document-table.ts";
import { contentIndex } from "../database/index-definition.ts";
import { throwIfAborted } from "../deadline.ts";
import { BatchWriter } from "./batch-writer.ts";
import { inBatches } from "./in-batches.ts";
import { normalizeDocument } from "./normalize-document.ts";
import { type Comparison, compareBatch, embedBatch } from "./prepare-batch.ts";

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

/**
 * Reads, compares, embeds and writes batch by batch. Batches are written while the next one is embedded; where there is one
 * connection, after that one's comparison, which could not be made meanwhile.
 */
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
  const writer = new BatchWriter(context, signal, (batch) => {
    for (const key of Object.keys(batch.counts) as (keyof AddProgress)[]) counts[key] += batch.counts[key];
    if (Array.isArray(documents)) ids.push(...batch.ids);
    onProgress?.({ ...counts });
  });

  let position = 0;
  const batches = inBatches(documents, batchSize);
  try {
    for (;;) {
      const next = batches.next();
      if (!(await settlesSoon(next))) writer.start();
      const { done, value: inputs } = await next;
      if (done === true) break;
      throwIfAborted(signal);
      const start = position;
      const batch = inputs.map((input, offset) => normalizeDocument(input, start + offset, context.record));
      position += inputs.length;
      // What is not written yet is not seen by the comparison with what is stored.
      if (dedupe !== undefined || batch.some(({ id }) => writer.has(id))) await writer.finish();
      const compared = await compareBatch(context, batch, options, signal);
      writer.start();
      throwIfAborted(signal);
      const prepared = await embedBatch(context, compared, options, signal);
      await writer.add(prepared);
    }
  } finally {
    // The source is told that no more is read, and a batch in hand is written before an error of the next one is told.
    await batches.return(undefined);
    await writer.finish();
  }
  return Array.isArray(documents) ? { ...counts, ids } : counts;
}

/** A source that takes longer is not waited for with a batch in hand. */
const SOON_MS = 20;

async function settlesSoon(promise: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const later = setTimeout(SOON_MS, false, { signal: over.signal }).catch(() => false);
  const settled = promise.then(
    () => true,
    () => true,
  );
  const isSettled = await Promise.race([settled, later]);
  over.abort();
  return isSettled;
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
