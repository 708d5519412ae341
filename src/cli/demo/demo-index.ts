import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Collection } from "../../collection.ts";
import { splitText } from "../../split/split-text.ts";
import type { MarkdownDocument } from "./collect-markdown.ts";

/** A passage's metadata in the demo's collection. */
export type PassageMetadata = { readonly source: string; readonly headings: readonly string[] };

export interface Passage {
  readonly id: string;
  readonly content: string;
  readonly metadata: PassageMetadata;
}

/** What the collection holds, so that a later run knows whether the files have changed, and what to remove. */
interface Manifest {
  readonly fingerprint: string;
  readonly ids: readonly string[];
}

const MAX_PASSAGE_CHARACTERS = 600;

/** Splits documents into passages that open with where they are from, so that a search for a package's name finds them. */
export function toPassages(documents: readonly MarkdownDocument[]): Passage[] {
  return documents.flatMap(({ path, packageName, text }) =>
    splitText(text, { maxCharacters: MAX_PASSAGE_CHARACTERS }).map(({ content, headings = [] }, position) => ({
      id: `${path}#${position}`,
      content: `${titleOf(packageName ?? path, headings)}\n${content}`,
      metadata: { source: path, headings },
    })),
  );
}

/** A README's first heading is mostly the package's name again. */
function titleOf(name: string, headings: readonly string[]): string {
  return [name, ...headings.filter((heading, depth) => depth > 0 || heading !== name)].join(" > ");
}

/** Makes the collection hold exactly these passages. @returns how many passages had to be written */
export async function bringUpToDate(
  collection: Collection<PassageMetadata>,
  passages: readonly Passage[],
  manifestFolder: string,
  options: { readonly signal?: AbortSignal | undefined; onProgress(done: number): void },
): Promise<number> {
  const { signal } = options;
  const manifest = await readManifest(manifestFolder);
  const fingerprint = fingerprintOf(passages);
  if (manifest?.fingerprint === fingerprint && (await collection.count()) === passages.length) return 0;

  const result = await collection.addDocuments(passages, {
    signal,
    onProgress: (progress) => options.onProgress(progress.documents),
  });
  const current = new Set(passages.map(({ id }) => id));
  const gone = manifest?.ids.filter((id) => !current.has(id)) ?? [];
  if (gone.length > 0) await collection.delete(gone, { signal });
  await writeManifest(manifestFolder, { fingerprint, ids: [...current] });
  return result.inserted + result.updated;
}

function fingerprintOf(passages: readonly Passage[]): string {
  const hash = createHash("sha256");
  for (const { id, content } of passages) hash.update(JSON.stringify([id, content]));
  return hash.digest("hex");
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as Manifest;
  } catch {
    // Missing or half-written: indexing again puts it right.
    return undefined;
  }
}

async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const path = join(folder, "manifest.json");
  await writeFile(`${path}.new`, JSON.stringify(manifest));
  await rename(`${path}.new`, path);
}
