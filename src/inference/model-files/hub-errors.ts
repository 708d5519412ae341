import { PgVectorDBError } from "../../errors.ts";
import type { HubAnswer } from "./hub-request.ts";
import { printableName } from "./model-file-name.ts";

/** What was looked for and where: every message about a model of the hub says so. */
export interface HubSubject {
  readonly id: string;
  /** What this request is about: the commit, once it is known. */
  readonly revision: string;
  /** What the caller named. */
  readonly askedRevision: string;
  readonly endpoint: string;
  readonly cacheDir: string;
}

/** The error for an answer that is neither 2xx nor expected. `file` is named when it was one file that was asked for. */
export function answerError(answer: HubAnswer, subject: HubSubject, file?: string): PgVectorDBError {
  const { id, revision, endpoint } = subject;
  const problem = answer.headers.get("x-error-code");
  const what = file === undefined ? `"${id}"` : `${printableName(file)} of "${id}"`;
  if (problem === "GatedRepo" || (answer.status === 403 && answer.fromHub)) {
    return new PgVectorDBError(
      "unauthorized",
      `The hub ${endpoint} does not give out ${what} to this account (status ${answer.status}): its authors ask for an agreement, or the token lacks the permission. Agree on ${endpoint}/${id}, and set \`HF_TOKEN\` to a token that may read it. ${offlineAdvice(subject)}`,
    );
  }
  if (problem === "EntryNotFound") {
    return new PgVectorDBError("model_not_found", `${what} at revision "${revision}" is not on ${endpoint}.`);
  }
  if (answer.status === 401 && problem !== "RepoNotFound") {
    return new PgVectorDBError(
      "unauthorized",
      `The hub ${endpoint} asks for credentials for ${what} (status 401). Set \`HF_TOKEN\` to a valid token, or unset one that has expired; check the name too, since the hub answers so for names that do not exist. ${offlineAdvice(subject)}`,
    );
  }
  if (problem === "RepoNotFound" || answer.status === 404) {
    return new PgVectorDBError(
      "model_not_found",
      `There is no model ${what} on ${endpoint} that can be seen. Check the spelling; for a private model set \`HF_TOKEN\`. It is not in the cache ${subject.cacheDir} either. For a folder begin \`model\` with "./" or "/".`,
    );
  }
  return serviceError(answer, subject, what);
}

export function noSuchRevision({ id, revision, endpoint }: HubSubject): PgVectorDBError {
  return new PgVectorDBError(
    "model_not_found",
    `The model "${id}" has no revision "${revision}" on ${endpoint}. Correct \`revision\`: a branch, a tag or a whole commit id; "main" when left out.`,
  );
}

/** No network may be used, and the cache does not have what is needed. */
export function notInCache(subject: HubSubject, missing: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_not_found",
    `${missing}, and \`offline: true\` or \`HF_HUB_OFFLINE\` forbids to ask the hub. ${offlineAdvice(subject)}`,
  );
}

/** Adds what was looked for and where to an error of the connection. */
export function withSubject(error: unknown, subject: HubSubject, doing: string): unknown {
  if (!(error instanceof PgVectorDBError && error.code === "network")) return error;
  return new PgVectorDBError(
    "network",
    `${doing} from ${subject.endpoint} failed: ${error.message} ${offlineAdvice(subject)}`,
    { retryable: error.retryable, cause: error.cause ?? error },
  );
}

/** An answer that no hub would give: a login page of a network, a broken mirror, a hostile server. */
export function strangeAnswer({ id, endpoint }: HubSubject, what: string): PgVectorDBError {
  return new PgVectorDBError(
    "network",
    `${endpoint} does not answer about "${id}" as a Hugging Face hub does: ${what}. Check \`HF_ENDPOINT\`, and whether a proxy or a login page is in between.`,
  );
}

export function offlineAdvice({ id, askedRevision, cacheDir }: HubSubject): string {
  const pinned = askedRevision === "main" ? "" : ` --revision ${askedRevision}`;
  return `Without a network: run \`hf download ${id}${pinned}\` on a machine that has one and copy the folder models--${id.replace("/", "--")} from its cache into ${cacheDir}, or put the model's files in a folder and pass that as \`model\`.`;
}

function serviceError(answer: HubAnswer, subject: HubSubject, what: string): PgVectorDBError {
  if (answer.status === 429) {
    return new PgVectorDBError(
      "rate_limited",
      `The hub ${subject.endpoint} asks to slow down (status 429) for ${what}. Try later; a token in \`HF_TOKEN\` raises the limit. ${offlineAdvice(subject)}`,
      { retryable: true },
    );
  }
  const source = answer.fromHub ? `The hub ${subject.endpoint}` : "The server that the hub sends downloads to";
  return new PgVectorDBError("network", `${source} answered with status ${answer.status} for ${what}.`, {
    retryable: answer.status >= 500 || answer.status === 408 || !answer.fromHub,
  });
}
