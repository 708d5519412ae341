import { answerError, type HubSubject, strangeAnswer, withSubject } from "./hub-errors.ts";
import { type HubAnswer, type HubConnection, requestFromHub } from "./hub-request.ts";
import { isSafeFileName, printableName } from "./model-file-name.ts";
import { isCommit } from "./model-reference.ts";

/** What the hub says about a file in a listing. Mirrors leave parts of it out. */
export interface ListedFile {
  readonly size?: number | undefined;
  /** Git's id of the content, or of the pointer to it for a large file. */
  readonly blobId?: string | undefined;
  /** SHA-256 of the content of a large file (LFS). */
  readonly sha256?: string | undefined;
}

export interface HubRevision {
  readonly commit: string;
  readonly files: ReadonlyMap<string, ListedFile>;
}

/** What is known of a file before it is downloaded. */
export interface FileMetadata {
  /** Names the content in the cache. */
  readonly etag: string;
  readonly size: number | undefined;
  readonly sha256: string | undefined;
}

const MAX_LISTING_BYTES = 32 * 2 ** 20;
const MAX_LISTED_FILES = 100_000;
const ETAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Asks the hub which commit a revision is, and which files it has; names that could leave the cache are left out.
 *
 * @returns `undefined` when the model exists and this revision of it does not
 */
export async function listRevision(
  connection: HubConnection,
  subject: HubSubject,
  signal: AbortSignal | undefined,
): Promise<HubRevision | undefined> {
  const { id, revision, endpoint } = subject;
  const url = `${endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  try {
    const headers = { accept: "application/json" };
    const answer = await requestFromHub(connection, { method: "GET", url, headers, follow: "content", signal });
    if (answer.status !== 200) {
      answer.close();
      if (answer.headers.get("x-error-code") === "RevisionNotFound") return undefined;
      throw answerError(answer, subject);
    }
    return parseRevision(await readJson(answer, subject), subject);
  } catch (error) {
    throw withSubject(error, subject, `Looking up the model "${id}"`);
  }
}

/** Asks for a file's etag and size without its content. */
export async function fileMetadata(
  connection: HubConnection,
  subject: HubSubject,
  file: string,
  signal: AbortSignal | undefined,
): Promise<FileMetadata> {
  const url = fileUrl(subject, file);
  const answer = await requestFromHub(connection, { method: "HEAD", url, follow: "description", signal });
  answer.close();
  // Not every mirror answers HEAD by the rules; a redirect is the description of a file on a content network.
  if (answer.status >= 400) throw answerError(answer, subject, file);
  const first = (name: string) => answer.hops.map((headers) => headers.get(name)).find((value) => value !== null);
  const commit = first("x-repo-commit");
  if (commit && commit !== subject.revision) {
    throw strangeAnswer(subject, `asked for commit ${subject.revision}, it gave ${printableName(commit)}`);
  }
  const linked = normalizeEtag(first("x-linked-etag"));
  const etag = linked ?? normalizeEtag(answer.headers.get("etag"));
  if (etag === undefined || !ETAG.test(etag)) {
    throw strangeAnswer(subject, `the file ${printableName(file)} comes without a usable ETag`);
  }
  // The length of a compressed answer is not the file's.
  const isPlain = answer.status < 300 && !answer.headers.has("content-encoding");
  const ownSize = isPlain ? answer.headers.get("content-length") : null;
  return {
    etag,
    size: parseSize(first("x-linked-size") ?? ownSize),
    sha256: linked !== undefined && isSha256(linked) ? linked : undefined,
  };
}

/** Where a file of one commit is; `subject.revision` is that commit. */
export function fileUrl({ id, revision, endpoint }: HubSubject, file: string): string {
  return `${endpoint}/${id}/resolve/${revision}/${file.split("/").map(encodeURIComponent).join("/")}`;
}

/** Reads what the hub says about one file; anything that is not of the right kind counts as not said. */
export function parseListedFile(value: unknown): ListedFile {
  const { size, blobId, lfs } = recordOf(value);
  const { sha256, size: lfsSize } = recordOf(lfs);
  return {
    size: sizeOrUndefined(lfsSize) ?? sizeOrUndefined(size),
    blobId: typeof blobId === "string" && /^[0-9a-f]{40}$/.test(blobId) ? blobId : undefined,
    sha256: typeof sha256 === "string" && isSha256(sha256) ? sha256 : undefined,
  };
}

export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function parseRevision(answer: unknown, subject: HubSubject): HubRevision {
  const { sha, siblings } = recordOf(answer);
  if (typeof sha !== "string" || !isCommit(sha) || !Array.isArray(siblings)) {
    throw strangeAnswer(subject, "its description of the model has no commit or no files");
  }
  if (isCommit(subject.revision) && sha !== subject.revision) {
    throw strangeAnswer(subject, `asked for commit ${subject.revision}, it describes ${sha}`);
  }
  if (siblings.length > MAX_LISTED_FILES) throw strangeAnswer(subject, `it lists ${siblings.length} files`);
  const files = new Map<string, ListedFile>();
  for (const sibling of siblings as unknown[]) {
    const { rfilename } = recordOf(sibling);
    if (isSafeFileName(rfilename)) files.set(rfilename, parseListedFile(sibling));
  }
  return { commit: sha, files };
}

async function readJson(answer: HubAnswer, subject: HubSubject): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.chunks()) {
    length += chunk.length;
    if (length > MAX_LISTING_BYTES)
      throw strangeAnswer(subject, `its list of files is over ${MAX_LISTING_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    // The parser's message would repeat a page that may be anything.
    throw strangeAnswer(subject, "its answer is not JSON");
  }
}

function normalizeEtag(etag: string | null | undefined): string | undefined {
  return etag?.trim().replace(/^W\//, "").replaceAll('"', "") || undefined;
}

function parseSize(text: string | null | undefined): number | undefined {
  return text && /^\d+$/.test(text) ? sizeOrUndefined(Number(text)) : undefined;
}

function sizeOrUndefined(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
