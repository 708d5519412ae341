import { isAbsolute } from "node:path";
import { PgVectorDBError } from "../../errors.ts";
import { printableName } from "./model-file-name.ts";

/**
 * What a `model` string can mean. `"path"` is certainly a folder; `"id"` is a hub id, unless a folder of that name
 * with a `config.json` exists.
 */
export type ModelReference =
  | { readonly kind: "builtin" }
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "id"; readonly id: string }
  | { readonly kind: "neither"; readonly text: string };

const ID_PART = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$/;
const REVISION = /^[A-Za-z0-9_][A-Za-z0-9._/+@-]{0,199}$/;

/** @throws PgVectorDBError `invalid_argument` for what cannot be a model at all */
export function parseModelReference(model: unknown): ModelReference {
  if (typeof model !== "string" || model.trim() === "") {
    throw new PgVectorDBError(
      "invalid_argument",
      '`model` must be a Hugging Face id such as "cross-encoder/ms-marco-MiniLM-L-6-v2", a folder, or "builtin".',
    );
  }
  if (model.includes("\0")) {
    throw new PgVectorDBError("invalid_argument", "`model` must not contain a NUL character.");
  }
  if (model === "builtin") return { kind: "builtin" };
  if (looksLikePath(model)) return { kind: "path", path: model };
  return isHubId(model) ? { kind: "id", id: model } : { kind: "neither", text: model };
}

/** Whether the hub could have a repository of this name: the rules of Python's `validate_repo_id`. */
export function isHubId(text: string): boolean {
  const parts = text.split("/");
  return parts.length <= 2 && parts.every((part) => ID_PART.test(part)) && !/--|\.\.|\.git$/.test(text);
}

/** A branch, tag or commit, also as part of a path. @throws PgVectorDBError `invalid_argument` */
export function checkRevision(revision: unknown): string {
  const valid =
    typeof revision === "string" && REVISION.test(revision) && !/\.\.|\/\/|\/\.|[./]$|\.lock(?:\/|$)/.test(revision);
  if (!valid) {
    throw new PgVectorDBError(
      "invalid_argument",
      `\`revision\` must be a branch, a tag or a commit of the repository, not ${printableName(revision)}.`,
    );
  }
  return revision;
}

/** Whether a revision names one commit for ever. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

function looksLikePath(model: string): boolean {
  return isAbsolute(model) || /^(?:\.{1,2}|~)(?:[/\\]|$)/.test(model) || /^[A-Za-z]:[/\\]|^\\\\/.test(model);
}
