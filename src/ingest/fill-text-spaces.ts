import type { CollectionContext, TextSpaceContext } from "../collection-context.ts";
import { clearSpaceVectors, type StaleText, selectStaleTexts, writeSpaceVectors } from "../database/space-columns.ts";
import { embedDocuments } from "../embed-texts.ts";

/**
 * Brings the vectors of text spaces up to date with what is stored: whatever wrote these documents calls this afterwards. A
 * text that its vector was made from already is not embedded, so that an interrupted call is made good by the next one.
 */
export async function fillTextSpaces(
  context: CollectionContext,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const unique = [...new Set(ids)];
  for (const space of context.textSpaces) await fillSpace(context, space, unique, signal);
}

async function fillSpace(
  { database }: CollectionContext,
  { target, path, embedder }: TextSpaceContext,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const stale = await database.query<StaleText>(selectStaleTexts(target, path, ids), { signal });
  const gone = stale.filter(({ text }) => text === null).map(({ id }) => id);
  if (gone.length > 0) await database.query(clearSpaceVectors(target, gone), { signal });
  const texts = stale.flatMap(({ id, text, hash }) => (text === null || hash === null ? [] : [{ id, text, hash }]));
  if (texts.length === 0) return;
  const vectors = await embedDocuments(
    embedder,
    texts.map(({ text }) => text),
    signal,
  );
  await database.query(writeSpaceVectors(target, texts, vectors), { signal });
}
