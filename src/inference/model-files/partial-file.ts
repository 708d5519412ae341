import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isOwnerGone, newOwner } from "./download-owner.ts";

/** A checksum of the whole content: SHA-256, or the SHA-1 that git gives a file, which also covers the size. */
export interface ContentDigest {
  readonly algorithm: "sha256" | "git-sha1";
  readonly hex: string;
  readonly size: number;
}

/** A download that nobody has touched for this long was left by a process that ended; a live one writes or gives up sooner. */
const ABANDONED_AFTER_MS = 10 * 60_000;

/**
 * The beginning of a blob, on its way into the cache. Its name is this object's alone, so two processes never write to
 * one file; whoever finishes first renames it into place. One that is given up is left as `<etag>.parked.incomplete`.
 * The next download takes that over, or what a process that ended left, by a rename, which only one can win.
 */
export class PartialFile {
  readonly path: string;
  readonly #blobPath: string;
  readonly #digest: ContentDigest | undefined;
  readonly #handle: FileHandle;
  #hash: Hash | undefined;
  #length: number;

  private constructor(path: string, handle: FileHandle, blobPath: string, digest: ContentDigest | undefined) {
    this.path = path;
    this.#handle = handle;
    this.#blobPath = blobPath;
    this.#digest = digest;
    this.#hash = startHash(digest);
    this.#length = 0;
  }

  /** Takes over what an earlier download left, if there is a digest to prove the result with; else starts empty. */
  static async open(
    blobPath: string,
    digest: ContentDigest | undefined,
    signal: AbortSignal | undefined,
  ): Promise<PartialFile> {
    const path = `${blobPath}.${await newOwner()}.incomplete`;
    await mkdir(dirname(blobPath), { recursive: true });
    if (digest !== undefined) await takeOver(blobPath, path);
    const handle = await open(path, "a");
    const partial = new PartialFile(path, handle, blobPath, digest);
    try {
      await partial.#readBeginning(signal);
      return partial;
    } catch (error) {
      await partial.park();
      throw error;
    }
  }

  get length(): number {
    return this.#length;
  }

  async append(chunk: Uint8Array): Promise<void> {
    for (let written = 0; written < chunk.length; ) {
      written += (await this.#handle.write(chunk, written)).bytesWritten;
    }
    this.#hash?.update(chunk);
    this.#length += chunk.length;
  }

  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = startHash(this.#digest);
    this.#length = 0;
  }

  /** Whether the content is what the hub announced; `true` when there is nothing to compare with. */
  matchesDigest(): boolean {
    return this.#digest === undefined || this.#hash?.copy().digest("hex") === this.#digest.hex;
  }

  /** Makes the file the blob. */
  async finish(): Promise<void> {
    // Without this, a power cut could leave a blob of the right name and size that is empty.
    await this.#handle.datasync();
    await this.#handle.close();
    try {
      await rename(this.path, this.#blobPath);
    } catch (error) {
      await rm(this.path, { force: true });
      // On Windows a blob that another process finished and has open cannot be replaced, and need not be.
      if ((await stat(this.#blobPath).catch(() => undefined))?.size !== this.#length) throw error;
    }
  }

  /** Leaves what is there for a later call. */
  async park(): Promise<void> {
    await this.#handle.close();
    const size = (await stat(this.path).catch(() => undefined))?.size ?? 0;
    if (size === 0 || this.#digest === undefined) await rm(this.path, { force: true });
    else await rename(this.path, `${this.#blobPath}.parked.incomplete`);
  }

  async discard(): Promise<void> {
    await this.#handle.close();
    await rm(this.path, { force: true });
  }

  async #readBeginning(signal: AbortSignal | undefined): Promise<void> {
    if ((await this.#handle.stat()).size === 0) return;
    for await (const chunk of createReadStream(this.path, { signal, highWaterMark: 1 << 20 })) {
      this.#hash?.update(chunk as Buffer);
      this.#length += (chunk as Buffer).length;
    }
  }
}

function startHash(digest: ContentDigest | undefined): Hash | undefined {
  if (digest === undefined) return undefined;
  if (digest.algorithm === "sha256") return createHash("sha256");
  // A git blob is hashed with this header before its content.
  return createHash("sha1").update(`blob ${digest.size}\0`);
}

async function takeOver(blobPath: string, path: string): Promise<void> {
  const folder = dirname(blobPath);
  const [start, end] = [`${basename(blobPath)}.`, ".incomplete"];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(start) || !name.endsWith(end)) continue;
    const left = join(folder, name);
    const owner = name.slice(start.length, -end.length);
    if (owner !== "parked" && !(await isOwnerGone(owner)) && !(await isOld(left))) continue;
    try {
      await rename(left, path);
      return;
    } catch {
      // Another download took it first, or still has it open.
    }
  }
}

async function isOld(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > ABANDONED_AFTER_MS;
  } catch {
    return false;
  }
}
