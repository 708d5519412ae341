import { rm, stat } from "node:fs/promises";
import { throwIfAborted } from "../../deadline.ts";
import { PgVectorDBError } from "../../errors.ts";
import { answerError, type HubSubject } from "./hub-errors.ts";
import { type HubAnswer, type HubConnection, pause, requestFromHub } from "./hub-request.ts";
import { printableName } from "./model-file-name.ts";
import { type ContentDigest, PartialFile } from "./partial-file.ts";

export interface BlobDownload {
  readonly connection: HubConnection;
  readonly subject: HubSubject;
  /** The file's name in the repository, for messages. */
  readonly file: string;
  readonly url: string;
  readonly blobPath: string;
  readonly size: number | undefined;
  readonly digest: ContentDigest | undefined;
  readonly signal: AbortSignal;
  /** How many bytes are here; fewer than before when the download begins anew. */
  readonly onLoaded: (loadedBytes: number) => void;
}

/** Small text files are the only ones that servers send without telling a size. */
const MAX_UNANNOUNCED_BYTES = 64 * 2 ** 20;

/**
 * Downloads one content into the cache: continues what is there, checks size and digest, and renames it into place.
 * The content passes through in pieces, so memory stays flat for files of many gigabytes.
 *
 * @throws PgVectorDBError `model_invalid` for a wrong size or digest, `network`, `unauthorized`, `aborted`
 */
export async function downloadBlob(download: BlobDownload): Promise<void> {
  if (await hasBlob(download)) return;
  const partial = await PartialFile.open(download.blobPath, download.digest, download.signal);
  try {
    await fill(partial, download);
    if (!partial.matchesDigest()) {
      // What an earlier download left may have been damaged, so the whole is tried once.
      await partial.restart();
      await fill(partial, download);
    }
    if (!partial.matchesDigest()) throw corrupt(download, "its checksum is not the one that the hub announces");
    await partial.finish();
  } catch (error) {
    await (isCorrupt(error) ? partial.discard() : partial.park());
    throw error;
  }
}

/** A blob of another size is the remains of an accident. */
async function hasBlob({ blobPath, size }: BlobDownload): Promise<boolean> {
  const found = await stat(blobPath).catch(() => undefined);
  if (found === undefined) return false;
  if (found.isFile() && (size === undefined || found.size === size)) return true;
  await rm(blobPath, { force: true });
  return false;
}

/** Reads until the content is complete. A connection that breaks is taken up again where it broke. */
async function fill(partial: PartialFile, download: BlobDownload): Promise<void> {
  const { connection, signal, size } = download;
  let fruitless = 0;
  let restarts = 0;
  download.onLoaded(partial.length);
  while (partial.length !== size) {
    const before = partial.length;
    const answer = await request(download, before);
    try {
      const isOfUse = await prepare(answer, partial);
      if (partial.length < before) download.onLoaded(partial.length);
      if (isOfUse) {
        await copyBody(answer, partial, download);
        if (size === undefined) return;
      } else if (++restarts > 1) {
        throw corrupt(download, `the hub announces ${size ?? "more"} bytes and does not have them`);
      }
    } catch (error) {
      throwIfAborted(signal);
      if (!(error instanceof PgVectorDBError && error.retryable)) throw error;
      fruitless = partial.length > before ? 0 : fruitless + 1;
      if (fruitless >= connection.patience.attempts) throw error;
      await pause(connection, fruitless + 1, signal);
    } finally {
      answer.close();
    }
  }
}

async function request(download: BlobDownload, offset: number): Promise<HubAnswer> {
  const { connection, subject, file, url, signal } = download;
  const headers = offset > 0 ? { range: `bytes=${offset}-` } : undefined;
  const answer = await requestFromHub(connection, { method: "GET", url, headers, follow: "content", signal });
  if ([200, 206, 416].includes(answer.status)) return answer;
  answer.close();
  throw answerError(answer, subject, file);
}

/** Brings the partial file to where the answer begins; `false` when the answer is of no use and a new one is needed. */
async function prepare(answer: HubAnswer, partial: PartialFile): Promise<boolean> {
  if (answer.status === 206 && continuesAt(answer, partial.length)) return true;
  // A server that knows no ranges sends all of it again.
  if (partial.length > 0) await partial.restart();
  return answer.status === 200;
}

async function copyBody(answer: HubAnswer, partial: PartialFile, download: BlobDownload): Promise<void> {
  const { size } = download;
  const limit = size ?? MAX_UNANNOUNCED_BYTES;
  for await (const chunk of answer.chunks()) {
    if (partial.length + chunk.length > limit) {
      throw corrupt(
        download,
        `it is longer than the ${size ?? limit} bytes that ${size === undefined ? "a file of unknown size may have" : "the hub announces"}`,
      );
    }
    await partial.append(chunk);
    download.onLoaded(partial.length);
  }
  if (size === undefined || partial.length === size) return;
  throw new PgVectorDBError("network", `the download ended after ${partial.length} of ${size} bytes.`, {
    retryable: true,
  });
}

function continuesAt(answer: HubAnswer, offset: number): boolean {
  const start = /^bytes (\d+)-/.exec(answer.headers.get("content-range") ?? "")?.[1];
  const encoding = answer.headers.get("content-encoding") ?? "identity";
  // A part of a compressed answer is not a part of the file.
  return start !== undefined && Number(start) === offset && encoding === "identity";
}

function corrupt({ subject, file, blobPath }: BlobDownload, why: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `The download of ${printableName(file)} of "${subject.id}" from ${subject.endpoint} is corrupt: ${why}. Nothing was kept at ${blobPath}. Try again; if it stays so, the mirror or a proxy damages files.`,
  );
}

function isCorrupt(error: unknown): boolean {
  return error instanceof PgVectorDBError && error.code === "model_invalid";
}
