import type { CollectionContext } from "../collection-context.ts";
import type { AddProgress } from "../contracts/collection.ts";
import {
  compareByContent,
  compareById,
  type DocumentRow,
  type EmbeddedRow,
  type StoredState,
} from "../database/document-table.ts";
import { embedDocuments } from "../embed-texts.ts";
import type { NormalizedDocument } from "./normalize-document.ts";
import { compareSpaceTexts, embedSpaceTexts, type SpaceTexts, type SpaceVectors } from "./text-spaces.ts";

/** A batch that was compared with what is stored, and embedded where it has to be. */
export interface PreparedBatch {
  /** `ids[i]` belongs to the i-th document of the batch. */
  readonly ids: readonly string[];
  readonly upserts: readonly EmbeddedRow[];
  readonly metadataUpdates: readonly DocumentRow[];
  /** Of the text spaces. */
  readonly spaces: readonly SpaceVectors[];
  readonly counts: AddProgress;
}

/** How documents are compared with what is stored. */
export interface Comparison {
  readonly dedupe?: "content" | undefined;
  /** An embedding that comes with unchanged content is the stored one: it is not written again. */
  readonly sameEmbedder?: boolean | undefined;
}

/** What is known of one document of the batch. */
export interface ComparedDocument {
  readonly document: NormalizedDocument;
  id: string;
  stored?: StoredState;
}

/** A batch beside what is stored of it. */
export interface ComparedBatch {
  readonly entries: readonly ComparedDocument[];
  /** As if the documents were added one by one: the last one with an id is the one that stays. */
  readonly kept: readonly ComparedDocument[];
  readonly spaceTexts: readonly SpaceTexts[];
}

/** Asks the database what it has of these documents. */
export async function compareBatch(
  context: CollectionContext,
  documents: readonly NormalizedDocument[],
  { dedupe }: Comparison,
  signal: AbortSignal,
): Promise<ComparedBatch> {
  const entries = documents.map((document): ComparedDocument => ({ document, id: document.id }));
  await findById(context, entries, signal);
  if (dedupe === "content") await findByContent(context, entries, signal);
  const kept = [...new Map(entries.map((entry) => [entry.id, entry])).values()];
  const rows = kept.map(({ document, id }): DocumentRow => ({ ...document, id }));
  return { entries, kept, spaceTexts: await compareSpaceTexts(context, rows, signal) };
}

/** Decides what is written, and embeds what has to be. */
export async function embedBatch(
  context: CollectionContext,
  { entries, kept, spaceTexts }: ComparedBatch,
  { sameEmbedder = false }: Comparison,
  signal: AbortSignal,
): Promise<PreparedBatch> {
  const written = kept.filter((entry) => needsWriting(entry, sameEmbedder));
  const toEmbed = written.filter(({ document }) => document.embedding === undefined);
  const vectors = await embedDocuments(
    context.embedder,
    toEmbed.map(({ document }) => document.content),
    signal,
    context.record.storage,
  );
  const vectorOf = new Map(toEmbed.map((entry, position) => [entry, vectors[position]]));
  const upserts = written.map((entry): EmbeddedRow => {
    const embedding = entry.document.embedding ?? vectorOf.get(entry);
    if (embedding === undefined) throw new TypeError("A document was not embedded.");
    return { ...entry.document, id: entry.id, embedding };
  });
  // In one order for everybody: two that write the same rows wait for each other, and do not lock each other out.
  upserts.sort((a, b) => (a.id < b.id ? -1 : 1));
  const isWritten = new Set(written);
  const metadataUpdates = kept
    .filter((entry) => !isWritten.has(entry) && !entry.stored?.sameMetadata)
    .map(({ document, id }): DocumentRow => ({ ...document, id }));
  return {
    ids: entries.map(({ id }) => id),
    upserts,
    metadataUpdates,
    spaces: await embedSpaceTexts(spaceTexts, signal),
    counts: count(entries, kept, written, metadataUpdates),
  };
}

/** New or changed content; and an embedding that the caller gives is written whatever is stored. */
function needsWriting({ document, stored }: ComparedDocument, sameEmbedder: boolean): boolean {
  return !stored?.sameContent || (document.embedding !== undefined && !sameEmbedder);
}

async function findById(
  { database, target }: CollectionContext,
  entries: readonly ComparedDocument[],
  signal: AbortSignal,
) {
  const asked = entries.filter(({ document }) => document.hasOwnId);
  if (asked.length === 0) return;
  const statement = compareById(
    target,
    asked.map(({ document }) => document),
  );
  for (const stored of await database.query<StoredState>(statement, { signal })) {
    (asked[stored.position] as ComparedDocument).stored = stored;
  }
}

/** A document whose id is not stored, but whose content is, is that stored one; so it is within the batch. */
async function findByContent(
  { database, target }: CollectionContext,
  entries: readonly ComparedDocument[],
  signal: AbortSignal,
) {
  const asked = entries.filter(({ stored }) => stored === undefined);
  if (asked.length === 0) return;
  const statement = compareByContent(
    target,
    asked.map(({ document }) => document),
  );
  for (const stored of await database.query<StoredState>(statement, { signal })) {
    const entry = asked[stored.position] as ComparedDocument;
    entry.id = stored.id;
    entry.stored = stored;
  }
  const firstWith = new Map<string, ComparedDocument>();
  for (const entry of asked) {
    if (entry.stored !== undefined) continue;
    const hash = Buffer.from(entry.document.hash).toString("hex");
    const first = firstWith.get(hash);
    if (first === undefined) firstWith.set(hash, entry);
    else entry.id = first.id;
  }
}

function count(
  entries: readonly ComparedDocument[],
  kept: readonly ComparedDocument[],
  written: readonly ComparedDocument[],
  metadataUpdates: readonly DocumentRow[],
): AddProgress {
  const updated = written.filter(({ stored }) => stored !== undefined).length;
  return {
    documents: entries.length,
    inserted: written.length - updated,
    updated,
    metadataUpdated: metadataUpdates.length,
    unchanged: kept.length - written.length - metadataUpdates.length,
    superseded: entries.length - kept.length,
  };
}
