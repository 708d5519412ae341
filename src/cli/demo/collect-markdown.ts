import { createHash } from "node:crypto";
import type { Dirent } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";

/** A Markdown file with the name a reader knows it by. */
export interface MarkdownDocument {
  /** Path relative to the collected folder, with `/` on every system. */
  readonly path: string;
  /** The package it belongs to, by its folder under `node_modules`; the collected folder's own files have none. */
  readonly packageName?: string;
  readonly text: string;
}

/** Legal texts and lists of versions are not prose that answers a question. */
const NOT_PROSE = /^(licen[cs]e|copying|notice|changelog|changes|history|releases?|code_of_conduct|third.?party)/i;
const SKIPPED_FOLDERS = new Set(["node_modules", ".git", "dist", "build", "coverage", "test", "tests", "fixtures"]);
const MAX_FILE_BYTES = 1_000_000;
const MAX_DEPTH = 8;

/**
 * The READMEs and documentation of a folder and of every package under its `node_modules`, in path order, each text once.
 * Links are not followed, so the walk ends; files over 1 MB are left out.
 */
export async function collectMarkdown(root: string, signal?: AbortSignal): Promise<MarkdownDocument[]> {
  const paths = [...(await listOwnMarkdown(root)), ...(await listPackageMarkdown(join(root, "node_modules")))].sort();
  const seen = new Set<string>();
  const documents: MarkdownDocument[] = [];
  for (const path of paths) {
    signal?.throwIfAborted();
    if ((await stat(path)).size > MAX_FILE_BYTES) continue;
    const text = await readFile(path, "utf8");
    const digest = createHash("sha256").update(text).digest("base64");
    if (text.trim() === "" || seen.has(digest)) continue;
    seen.add(digest);
    documents.push(toDocument(root, path, text));
  }
  return documents;
}

function toDocument(root: string, path: string, text: string): MarkdownDocument {
  const shown = relative(root, path).split(sep).join("/");
  const packageName = /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(shown)?.[1];
  return { path: shown, text: text.replaceAll("\0", ""), ...(packageName === undefined ? {} : { packageName }) };
}

/** The Markdown beside the README, and everything below `docs`. */
async function listOwnMarkdown(root: string): Promise<string[]> {
  const top = await entriesOf(root);
  return [...top.filter(isProse).map((entry) => join(root, entry.name)), ...(await listMarkdown(join(root, "docs")))];
}

async function listPackageMarkdown(modules: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await entriesOf(modules)) {
    if (!entry.isDirectory() || entry.name.startsWith(".")) continue;
    const folder = join(modules, entry.name);
    if (entry.name.startsWith("@")) {
      found.push(...(await listPackageMarkdown(folder)));
    } else {
      found.push(...(await listMarkdown(folder)), ...(await listPackageMarkdown(join(folder, "node_modules"))));
    }
  }
  return found;
}

async function listMarkdown(folder: string, depth = 0): Promise<string[]> {
  if (depth > MAX_DEPTH) return [];
  const found: string[] = [];
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (isProse(entry)) found.push(path);
    else if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name))
      found.push(...(await listMarkdown(path, depth + 1)));
  }
  return found;
}

function isProse(entry: Dirent): boolean {
  return entry.isFile() && /\.(md|markdown)$/i.test(entry.name) && !NOT_PROSE.test(entry.name);
}

/** A folder that is not there has no entries. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || (error as NodeJS.ErrnoException).code === "ENOTDIR")
      return [];
    throw error;
  }
}
