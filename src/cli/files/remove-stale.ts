import type { Collection } from "../../collection.ts";
import type { IndexedFiles } from "./index-files.ts";
import { type PassageMetadata, pathOfPassage } from "./passage-source.ts";

const IDS_AT_ONCE = 1000;

export interface StaleOptions {
  readonly indexed: Pick<IndexedFiles, "ids" | "complete">;
  /** Names of all files that were found, read or not. */
  readonly found: ReadonlySet<string>;
  /** Folders and files below which vanished files are removed. Empty: none are. */
  readonly pruned: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Removes passages that files no longer have, and those of files that are no longer there.
 *
 * @returns how many
 */
export async function removeStale(collection: Collection<PassageMetadata>, options: StaleOptions): Promise<number> {
  const { signal } = options;
  const stale: string[] = [];
  for await (const id of collection.ids({ batchSize: IDS_AT_ONCE, signal })) {
    if (isStale(id, options)) stale.push(id);
  }
  let removed = 0;
  for (let at = 0; at < stale.length; at += IDS_AT_ONCE) {
    removed += await collection.delete(stale.slice(at, at + IDS_AT_ONCE), { signal });
  }
  return removed;
}

function isStale(id: string, { indexed, found, pruned }: StaleOptions): boolean {
  const path = pathOfPassage(id);
  if (path === undefined) return false;
  if (indexed.complete.has(path)) return !indexed.ids.has(id);
  return !found.has(path) && pruned.some((root) => isWithin(path, root));
}

function isWithin(path: string, root: string): boolean {
  if (root === ".") return !path.startsWith("../") && !path.startsWith("/");
  return path === root || path.startsWith(`${root}/`);
}
