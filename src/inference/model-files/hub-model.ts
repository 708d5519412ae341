import { stat } from "node:fs/promises";
import { throwIfAborted } from "../../deadline.ts";
import { PgVectorDBError } from "../../errors.ts";
import type { HubCache } from "./hub-cache.ts";
import { type HubRevision, type ListedFile, listRevision } from "./hub-client.ts";
import { type HubSubject, noSuchRevision, notInCache, offlineAdvice } from "./hub-errors.ts";
import { downloadHubFile } from "./hub-file.ts";
import type { HubConnection, Patience } from "./hub-request.ts";
import type { LocatedModel, ModelProgress } from "./located-model.ts";
import { isSafeFileName, printableName } from "./model-file-name.ts";
import { sampleOf, unsafeName } from "./model-folder.ts";
import { isCommit } from "./model-reference.ts";
import { shareDownload } from "./shared-download.ts";

export interface HubModelRequest {
  readonly id: string;
  readonly revision: string;
  readonly cache: HubCache;
  readonly offline: boolean;
  readonly connection: HubConnection;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: ModelProgress) => void) | undefined;
}

/** A model whose listing is in the cache waits only this long to hear whether a newer one is out. */
const REVALIDATION_MS = 5_000;

/** Finds a model in the cache or on the hub; the rules are with `locateModel`. */
export async function locateHubModel(request: HubModelRequest): Promise<LocatedModel> {
  const { cache, revision, signal } = request;
  const subject = subjectOf(request, revision);
  const commit = await cache.commitOf(revision);
  const cachedFiles = commit === undefined ? undefined : await cache.cachedFiles(commit);
  throwIfAborted(signal);

  if (request.offline) {
    if (commit === undefined || cachedFiles === undefined) {
      throw notInCache(
        subject,
        `The model "${request.id}" (revision "${revision}") is not in the cache ${cache.cacheDir}`,
      );
    }
    return openCached(request, commit, cachedFiles);
  }
  if (isCommit(revision)) {
    const listing = await cache.listing(revision);
    if (listing !== undefined) return openListed(request, listing, "cache");
  }
  const hasSnapshot = commit !== undefined && cachedFiles !== undefined && cachedFiles.length > 0;
  const connection = hasSnapshot ? impatient(request.connection) : request.connection;
  let listing: HubRevision | undefined;
  try {
    listing = await listRevision(connection, subject, signal);
  } catch (error) {
    throwIfAborted(signal);
    // A hub that is down, or that closed a model since, is no reason to stop what worked yesterday.
    if (!hasSnapshot) throw error;
    return openCached(request, commit, cachedFiles);
  }
  if (listing === undefined) throw noSuchRevision(subject);
  if (listing.commit === commit && hasSnapshot) await cache.remember(revision, listing);
  return openListed(request, listing, "hub");
}

/** Serves only what is in the cache. */
function openCached(request: HubModelRequest, commit: string, files: readonly string[]): LocatedModel {
  const { id, cache } = request;
  const subject = subjectOf(request, commit);
  return {
    id,
    origin: "cache",
    revision: commit,
    files,
    async fetch(file) {
      if (!isSafeFileName(file)) throw unsafeName(file);
      throwIfAborted(request.signal);
      const listed = (await cache.listing(commit))?.files.get(file);
      const path = cache.snapshotPath(commit, file);
      if (await isWhole(path, listed)) return path;
      const missing = `The file ${printableName(file)} of "${id}" is not whole in the cache ${cache.cacheDir}, which has ${sampleOf(files)}`;
      if (request.offline) throw notInCache(subject, missing);
      throw new PgVectorDBError(
        "network",
        `${missing}, and the hub ${subject.endpoint} could not be asked when the model was opened. ${offlineAdvice(subject)}`,
        { retryable: true },
      );
    },
  };
}

/** Serves every file of a listing, from the cache or else from the hub. */
function openListed(request: HubModelRequest, listing: HubRevision, origin: "cache" | "hub"): LocatedModel {
  const { id, revision, cache, connection, signal, onProgress } = request;
  const { commit } = listing;
  const files = [...listing.files.keys()].sort();
  return {
    id,
    origin,
    revision: commit,
    files,
    async fetch(file) {
      if (!isSafeFileName(file)) throw unsafeName(file);
      throwIfAborted(signal);
      const listed = listing.files.get(file);
      if (listed === undefined) throw notListed(subjectOf(request, commit), file, files);
      const path = cache.snapshotPath(commit, file);
      if (await isWhole(path, listed)) return path;
      await shareDownload(path, { signal, onProgress }, async (runSignal, report) => {
        const subject = subjectOf(request, commit);
        await downloadHubFile({ cache, connection, subject, file, listed }, runSignal, report);
        await cache.remember(revision, listing);
      });
      return path;
    },
  };
}

async function isWhole(path: string, listed: ListedFile | undefined): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && (listed?.size === undefined || listed.size === found.size);
}

function subjectOf(request: HubModelRequest, revision: string): HubSubject {
  const { id, cache, connection } = request;
  return { id, revision, askedRevision: request.revision, endpoint: connection.endpoint, cacheDir: cache.cacheDir };
}

function impatient(connection: HubConnection): HubConnection {
  const { answerMs, stallMs } = connection.patience;
  const patience: Patience = {
    ...connection.patience,
    attempts: 1,
    answerMs: Math.min(answerMs, REVALIDATION_MS),
    stallMs: Math.min(stallMs, REVALIDATION_MS),
  };
  return { ...connection, patience };
}

function notListed(subject: HubSubject, file: string, files: readonly string[]): PgVectorDBError {
  return new PgVectorDBError(
    "model_not_found",
    `The model "${subject.id}" has no file ${printableName(file)} at commit ${subject.revision}. It has ${sampleOf(files)}.`,
  );
}
