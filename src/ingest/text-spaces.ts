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
  /** Documents without a text for the space. */
  readonly without: readonly string[];
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
    const { texts, ...found } = sorted(
      space,
      await database.query<SpaceText>(textsToWrite(space, documents), { signal }),
    );
    const fresh = texts.length === 0 ? [] : await database.query<{ id: string }>(selectFresh(space, texts), { signal });
    const known = new Set(fresh.map(({ id }) => id));
    compared.push({ ...found, texts: texts.filter(({ id }) => !known.has(id)) });
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
    compared.push(sorted(space, stale));
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

/** Statements that go with those that write the documents, after them and in the same transaction. */
export function spaceStatements({ space, texts, vectors, without }: SpaceVectors): Sql[] {
  return [
    ...(texts.length === 0 ? [] : [writeSpaceVectors(space, texts, vectors)]),
    ...(without.length === 0 ? [] : [clearSpaceVectors(space, without)]),
  ];
}

/** Takes away what does not belong to these documents' texts: another writer came between the embedding and the writing. */
export async function clearForeignVectors(
  { textSpaces }: CollectionContext,
  transaction: Queryable,
  ids: readonly string[],
  options: QueryOptions,
): Promise<void> {
  for (const space of textSpaces) await transaction.query(clearSpaceVectors(space, ids), options);
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
    for (const embedded of await embedSpaceTexts([sorted(space, stale)], signal)) {
      for (const statement of spaceStatements(embedded)) await context.database.query(statement, { signal });
    }
  }
}

function sorted(space: TextSpaceContext, texts: readonly SpaceText[]): SpaceTexts {
  const isPresent = (text: SpaceText): text is PresentText => text.text !== null && text.hash !== null;
  return {
    space,
    texts: texts.filter(isPresent),
    without: texts.filter((text) => !isPresent(text)).map(({ id }) => id),
  };
}
