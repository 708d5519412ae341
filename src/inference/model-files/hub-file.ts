import { throwIfAborted } from "../../deadline.ts";
import { PgVectorDBError } from "../../errors.ts";
import { downloadBlob } from "./download-blob.ts";
import type { HubCache } from "./hub-cache.ts";
import { type FileMetadata, fileMetadata, fileUrl, type ListedFile } from "./hub-client.ts";
import { type HubSubject, strangeAnswer, withSubject } from "./hub-errors.ts";
import type { HubConnection } from "./hub-request.ts";
import type { ModelProgress } from "./located-model.ts";
import { printableName } from "./model-file-name.ts";
import type { ContentDigest } from "./partial-file.ts";

export interface HubFile {
  readonly cache: HubCache;
  readonly connection: HubConnection;
  /** Its revision is the commit that the file belongs to. */
  readonly subject: HubSubject;
  readonly file: string;
  readonly listed: ListedFile;
}

/** A caller hears of every file about this often. */
const REPORTS_PER_FILE = 200;

/**
 * Downloads one file of a commit into the cache, unless the cache has its content already.
 *
 * @returns its path in the snapshot
 */
export async function downloadHubFile(
  { cache, connection, subject, file, listed }: HubFile,
  signal: AbortSignal,
  report: (progress: ModelProgress) => void,
): Promise<string> {
  try {
    const metadata = await fileMetadata(connection, subject, file, signal);
    const size = metadata.size ?? listed.size;
    checkAgreement(subject, file, metadata, listed);
    await downloadBlob({
      connection,
      subject,
      file,
      url: fileUrl(subject, file),
      blobPath: cache.blobPath(metadata.etag),
      size,
      digest: digestOf(metadata, listed, size),
      signal: signal,
      onLoaded: stepwise(
        (loadedBytes) => report({ file, loadedBytes, ...(size === undefined ? {} : { totalBytes: size }) }),
        size,
      ),
    });
    return await cache.link(metadata.etag, subject.revision, file);
  } catch (error) {
    throwIfAborted(signal);
    throw storageError(
      withSubject(error, subject, `Downloading ${printableName(file)} of "${subject.id}"`),
      cache,
      file,
    );
  }
}

/** The listing and the file's own headers come from one hub; when they contradict each other, neither can be trusted. */
function checkAgreement(subject: HubSubject, file: string, metadata: FileMetadata, listed: ListedFile): void {
  const differs = (a: string | number | undefined, b: string | number | undefined) =>
    a !== undefined && b !== undefined && a !== b;
  if (differs(metadata.size, listed.size) || differs(metadata.sha256, listed.sha256)) {
    throw strangeAnswer(subject, `it describes ${printableName(file)} in two ways that contradict each other`);
  }
}

function digestOf(metadata: FileMetadata, listed: ListedFile, size: number | undefined): ContentDigest | undefined {
  if (size === undefined) return undefined;
  const sha256 = metadata.sha256 ?? listed.sha256;
  if (sha256 !== undefined) return { algorithm: "sha256", hex: sha256, size };
  // Mirrors may use any etag; the one that equals git's id is a checksum of the content.
  return listed.blobId !== undefined && metadata.etag === listed.blobId
    ? { algorithm: "git-sha1", hex: listed.blobId, size }
    : undefined;
}

/** The start, the end, every step back, and steps between: a large file arrives in tens of thousands of pieces. */
function stepwise(report: (loadedBytes: number) => void, size: number | undefined): (loadedBytes: number) => void {
  const step = (size ?? 0) / REPORTS_PER_FILE;
  let last: number | undefined;
  return (loadedBytes) => {
    const isStep = last === undefined || loadedBytes < last || loadedBytes - last >= step;
    if (!isStep && loadedBytes !== size) return;
    last = loadedBytes;
    report(loadedBytes);
  };
}

/** Says what to do when the cache cannot be written. */
function storageError(error: unknown, { cacheDir }: HubCache, file: string): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof PgVectorDBError || typeof code !== "string") return error;
  const why =
    code === "ENOSPC" || code === "EDQUOT"
      ? "the disk is full. Free some space; what was downloaded so far is kept and continued"
      : `it cannot be written (${code}). Make it writable`;
  return new PgVectorDBError(
    "network",
    `The download of ${printableName(file)} cannot be stored in the cache ${cacheDir}: ${why}, or choose another folder with \`cacheDir\` or \`HF_HUB_CACHE\`.`,
    { cause: error },
  );
}
