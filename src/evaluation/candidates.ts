import { PgVectorDBError } from "../errors.ts";
import type { Run } from "./run.ts";

/** A document that a first stage found. */
export interface Candidate {
  readonly id: string;
  readonly content: string;
  readonly score?: number | undefined;
}

export interface RetrieveCall {
  readonly queryId: string;
  readonly signal: AbortSignal;
}

/** Searches: candidates, best first. */
export type Retrieve = (query: string, call: RetrieveCall) => readonly Candidate[] | Promise<readonly Candidate[]>;

/** A first stage that is called, or one whose answers are at hand with the documents' texts by id. */
export type FirstStage =
  | { readonly retrieve: Retrieve; readonly run?: undefined; readonly documents?: undefined }
  | { readonly retrieve?: undefined; readonly run: Run; readonly documents: ReadonlyMap<string, string> };

/** Either kind as a function. @throws PgVectorDBError `invalid_argument` */
export function toRetrieve(firstStage: FirstStage): Retrieve {
  const { retrieve, run, documents } = firstStage;
  if (typeof retrieve === "function" && run === undefined && documents === undefined) return retrieve;
  if (retrieve !== undefined || !isMap(run) || !isMap(documents)) {
    throw invalid("Give either the function `retrieve`, or the Maps `run` and `documents`.");
  }
  return (_, { queryId }) =>
    (run.get(queryId) ?? []).map(({ id, score }) => {
      const content = documents.get(id);
      if (typeof content !== "string") throw invalid("`documents` lacks a document that `run` names.");
      return { id, content, score };
    });
}

function isMap<K, V>(value: ReadonlyMap<K, V> | undefined): value is ReadonlyMap<K, V> {
  return value instanceof Map;
}

/** Checks what a first stage answered. @throws PgVectorDBError `invalid_response` */
export function checkCandidates(candidates: readonly Candidate[]): readonly Candidate[] {
  const ids = new Set<string>();
  if (!Array.isArray(candidates)) throw broken("answered with something that is not an array of candidates");
  for (const candidate of candidates as unknown[]) {
    const { id, content } = (candidate ?? {}) as Partial<Record<string, unknown>>;
    if (typeof id !== "string" || typeof content !== "string") {
      throw broken("gave a candidate without the strings `id` and `content`");
    }
    if (ids.has(id)) throw broken("gave a document twice for one query");
    ids.add(id);
  }
  return candidates;
}

function broken(what: string): PgVectorDBError {
  return new PgVectorDBError("invalid_response", `The first stage ${what}.`);
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
