import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { extname, join, relative, resolve, sep } from "node:path";
import { isReadable } from "./read-file.ts";

export interface FoundFile {
  readonly path: string;
  /** The path from the working folder, with `/` on every system: the name the file is known by. */
  readonly name: string;
}

export interface SkippedFile {
  readonly name: string;
  readonly reason: string;
}

export interface FoundFiles {
  /** In the order of their names, each once. */
  readonly files: readonly FoundFile[];
  /** Named files and folders that cannot be read. */
  readonly skipped: readonly SkippedFile[];
  /** Names of the folders and files that were asked for and are there. */
  readonly roots: readonly string[];
  /** How many files of folders were left out because of their kind, by extension. */
  readonly otherKinds: ReadonlyMap<string, number>;
}

const SKIPPED_FOLDERS = new Set(["node_modules", "__pycache__"]);

/** Finds what can be read below the given paths. Hidden files, `node_modules` and links inside folders are left out. */
export async function findFiles(paths: readonly string[], cwd: string, signal?: AbortSignal): Promise<FoundFiles> {
  const files = new Map<string, FoundFile>();
  const skipped: SkippedFile[] = [];
  const roots: string[] = [];
  const otherKinds = new Map<string, number>();
  for (const given of paths) {
    const path = resolve(cwd, given);
    const name = nameOf(path, cwd);
    try {
      const isFolder = (await stat(path)).isDirectory();
      roots.push(name);
      if (!isFolder) {
        if (isReadable(path)) files.set(path, { path, name });
        else skipped.push({ name, reason: `files of the kind "${extname(path)}" are not read` });
        continue;
      }
      for await (const entry of walk(path, signal)) {
        if (isReadable(entry)) files.set(entry, { path: entry, name: nameOf(entry, cwd) });
        else otherKinds.set(extname(entry).toLowerCase(), (otherKinds.get(extname(entry).toLowerCase()) ?? 0) + 1);
      }
    } catch (error) {
      signal?.throwIfAborted();
      skipped.push({ name, reason: `cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})` });
    }
  }
  const sorted = [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { files: sorted, skipped, roots, otherKinds };
}

async function* walk(folder: string, signal: AbortSignal | undefined): AsyncGenerator<string, void, undefined> {
  signal?.throwIfAborted();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    if (entry.isFile()) yield path;
    else if (isVisited(entry)) yield* walk(path, signal);
  }
}

function isVisited(entry: Dirent): boolean {
  return entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name);
}

function nameOf(path: string, cwd: string): string {
  return relative(cwd, path).split(sep).join("/") || ".";
}
