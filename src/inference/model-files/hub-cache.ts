import { randomBytes } from "node:crypto";
import { copyFile, link, mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { type HubRevision, type ListedFile, parseListedFile, recordOf } from "./hub-client.ts";
import { isSafeFileName } from "./model-file-name.ts";
import { listFolder } from "./model-folder.ts";
import { isCommit } from "./model-reference.ts";

/** Version 1 of the listing that Python's `huggingface_hub` keeps in trees/<commit>.json. */
const LISTING_VERSION = 1;

/**
 * One repository in the Hugging Face cache, in the layout that Python's `huggingface_hub` reads and writes:
 *
 * ```
 * models--org--name/
 *   refs/main                 the commit that a branch or tag was when last asked for
 *   blobs/<etag>              contents; <etag>.*.incomplete while they are downloaded
 *   snapshots/<commit>/<file> a link to the content
 *   trees/<commit>.json       the files of a commit and their sizes
 * ```
 */
export class HubCache {
  readonly cacheDir: string;
  readonly #folder: string;
  readonly #symlinks: boolean;

  constructor(options: { readonly cacheDir: string; readonly id: string; readonly symlinks: boolean }) {
    this.cacheDir = options.cacheDir;
    this.#folder = join(options.cacheDir, ["models", ...options.id.split("/")].join("--"));
    this.#symlinks = options.symlinks;
  }

  /** The commit that `revision` was when it was last looked up. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const commit = (await readTextIfAny(join(this.#folder, "refs", revision)))?.trim();
    return commit !== undefined && isCommit(commit) ? commit : undefined;
  }

  /** The files of a commit that are in the cache, sorted; `undefined` when there is no such snapshot. */
  async cachedFiles(commit: string): Promise<string[] | undefined> {
    const snapshot = join(this.#folder, "snapshots", commit);
    return (await isFolder(snapshot)) ? listFolder(snapshot) : undefined;
  }

  /** The listing of a commit, kept from an earlier look at the hub. A commit never changes, so neither does this. */
  async listing(commit: string): Promise<HubRevision | undefined> {
    const text = await readTextIfAny(this.#listingPath(commit));
    if (text === undefined) return undefined;
    try {
      const { format_version: version, files } = recordOf(JSON.parse(text));
      if (version !== LISTING_VERSION) return undefined;
      const entries = Object.entries(recordOf(files)).filter(([name]) => isSafeFileName(name));
      if (entries.length === 0) return undefined;
      return { commit, files: new Map(entries.map(([name, entry]) => [name, readListingEntry(entry)])) };
    } catch {
      // A damaged listing is asked for again.
      return undefined;
    }
  }

  /** Keeps what the hub said. A cache that cannot be written to still serves what it has, so failures are ignored. */
  async remember(revision: string, { commit, files }: HubRevision): Promise<void> {
    const known = await this.listing(commit);
    const entries = [...files].map(([name, file]) => [name, listingEntry(file)] as const);
    // Python requires a size and a git id of every file; a mirror that gives less is asked again each time.
    const complete = entries.every(([, entry]) => entry !== undefined);
    try {
      if (known === undefined && complete) {
        const listing = { format_version: LISTING_VERSION, files: Object.fromEntries(entries) };
        await writeWhole(this.#listingPath(commit), JSON.stringify(listing, undefined, 1));
      }
      if (revision !== commit && (await this.commitOf(revision)) !== commit) {
        await writeWhole(join(this.#folder, "refs", revision), commit);
      }
    } catch {
      // Only the next call's shortcut is lost.
    }
  }

  blobPath(etag: string): string {
    return join(this.#folder, "blobs", etag);
  }

  snapshotPath(commit: string, file: string): string {
    return join(this.#folder, "snapshots", commit, ...file.split("/"));
  }

  /** Makes a content appear in a snapshot, replacing whatever was there in one step. */
  async link(etag: string, commit: string, file: string): Promise<string> {
    const blob = this.blobPath(etag);
    const pointer = this.snapshotPath(commit, file);
    const temporary = `${pointer}.${randomBytes(6).toString("hex")}.tmp`;
    await mkdir(dirname(pointer), { recursive: true });
    try {
      await this.#place(blob, temporary, dirname(pointer));
      await rename(temporary, pointer);
    } finally {
      await rm(temporary, { force: true });
    }
    return pointer;
  }

  /** Windows needs a privilege for links, and some file systems have none: then a second name or a copy does. */
  async #place(blob: string, path: string, folder: string): Promise<void> {
    const ways = [
      ...(this.#symlinks ? [() => symlink(relative(folder, blob), path)] : []),
      () => link(blob, path),
      () => copyFile(blob, path),
    ];
    for (const [index, way] of ways.entries()) {
      try {
        await way();
        return;
      } catch (error) {
        if (index === ways.length - 1 || !isUnsupported(error)) throw error;
      }
    }
  }

  #listingPath(commit: string): string {
    return join(this.#folder, "trees", `${commit}.json`);
  }
}

function listingEntry({ size, blobId, sha256 }: ListedFile): Record<string, unknown> | undefined {
  if (size === undefined || blobId === undefined) return undefined;
  return { size, blob_id: blobId, ...(sha256 === undefined ? {} : { lfs_sha256: sha256, lfs_size: size }) };
}

function readListingEntry(entry: unknown): ListedFile {
  const { size, blob_id: blobId, lfs_sha256: sha256, lfs_size: lfsSize } = recordOf(entry);
  return parseListedFile({ size, blobId, lfs: { sha256, size: lfsSize } });
}

function isUnsupported(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return ["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EXDEV", "EMLINK", "EINVAL", "UNKNOWN"].includes(
    String(code),
  );
}

/** Readers see the old content or the new one, never half of it. */
async function writeWhole(path: string, content: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function readTextIfAny(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    // Not there or not readable: both mean that the cache does not know.
    return undefined;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
