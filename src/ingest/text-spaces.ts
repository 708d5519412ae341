import type { Sql } from "sql-template-tag";
import type { CollectionContext, TextSpaceContext } from "../collection-context.ts";
import type { Queryable, QueryOptions } from "../contracts/database.ts";
import type { Vector } from "../contracts/embedder.ts";
import { type DocumentRow, hasId } from "../database/document-table.ts";
import {
  clearSpaceVectors,
  type SpaceText,
  selectFresh,
  selectStaleTexts,
  textsToWrite,
  writeSpaceVectors,
} from "../database/space-columns.ts";
import { embedDocuments } from "../embed-texts.ts";

type PresentText = SpaceText & { readonly text: string; readonly hash: Uint8Array };

/** What a text space has to embed for documents that are about to be written. */
export interface SpaceTexts {
  readonly space: TextSpaceContext;
  readonly texts: readonly PresentText[];
  /** Documents without a text for the space, or with the one that their vector was made from when it was compared. */
  readonly others: readonly string[];
}

/** The same, embedded: `vectors[i]` belongs to `texts[i]`. */
export interface SpaceVectors extends SpaceTexts {
  readonly vectors: readonly Vector[];
}

/** Which texts of these documents are not those that their vectors were made from. */
export async function compareSpaceTexts(
  { database, textSpaces }: CollectionContext,
  documents: readonly DocumentRow[],
  signal: AbortSignal,
): Promise<SpaceTexts[]> {
  const compared: SpaceTexts[] = [];
  for (const space of documents.length === 0 ? [] : textSpaces) {
    const found = parted(space, await database.query<SpaceText>(textsToWrite(space, documents), { signal }));
    const { texts, others } = found;
    const rows = texts.length === 0 ? [] : await database.query<{ id: string }>(selectFresh(space, texts), { signal });
    const fresh = new Set(rows.map(({ id }) => id));
    compared.push({ space, texts: texts.filter(({ id }) => !fresh.has(id)), others: [...others, ...fresh] });
  }
  return compared;
}

/** The texts of the documents that match and that their vectors will not be made from, once their metadata are `metadata`. */
export async function compareChangedTexts(
  { database, textSpaces }: CollectionContext,
  condition: Sql,
  metadata: Sql,
  signal: AbortSignal,
): Promise<SpaceTexts[]> {
  const compared: SpaceTexts[] = [];
  for (const space of textSpaces) {
    const stale = await database.query<SpaceText>(selectStaleTexts(space, condition, metadata), { signal });
    compared.push(parted(space, stale));
  }
  return compared;
}

export async function embedSpaceTexts(compared: readonly SpaceTexts[], signal: AbortSignal): Promise<SpaceVectors[]> {
  const embedded: SpaceVectors[] = [];
  for (const one of compared) {
    const texts = one.texts.map(({ text }) => text);
    embedded.push({ ...one, vectors: await embedDocuments(one.space.embedder, texts, signal) });
  }
  return embedded;
}

/**
 * Goes with what writes the documents, after it and in the same transaction. A vector of another text than there is now is
 * taken away: that text is gone, or another writer came between the comparison and the writing.
 *
 * @returns ids of documents that may lack a vector now
 */
export async function writeSpaces(
  queryable: Queryable,
  spaces: readonly SpaceVectors[],
  options: QueryOptions,
): Promise<string[]> {
  const cleared: string[] = [];
  for (const { space, texts, vectors, others } of spaces) {
    if (texts.length > 0) await queryable.query(writeSpaceVectors(space, texts, vectors), options);
    if (others.length === 0) continue;
    const rows = await queryable.query<{ id: string }>(clearSpaceVectors(space, others), options);
    cleared.push(...rows.map(({ id }) => id));
  }
  return cleared;
}

/** Makes the vectors that stored documents lack. */
export async function fillTextSpaces(
  context: CollectionContext,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (ids.length === 0) return;
  for (const space of context.textSpaces) {
    const stale = await context.database.query<SpaceText>(selectStaleTexts(space, hasId(ids)), { signal });
    await writeSpaces(context.database, await embedSpaceTexts([parted(space, stale)], signal), { signal });
  }
}

function parted(space: TextSpaceContext, texts: readonly SpaceText[]): SpaceTexts {
  const isPresent = (text: SpaceText): text is PresentText => text.text !== null && text.hash !== null;
  return {
    space,
    texts: texts.filter(isPresent),
    others: texts.filter((text) => !isPresent(text)).map(({ id }) => id),
  };
}
