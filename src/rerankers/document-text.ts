import type { RerankInput } from "../contracts/document.ts";
import { PgVectorDBError } from "../errors.ts";
import { toYaml } from "./yaml.ts";

/** What a model is shown of a document. Without either, its `content`. */
export interface DocumentTextOptions {
  /** The fields to show, the most telling first; `"metadata.title"` reaches into `metadata`. Missing ones are skipped. */
  readonly fields?: readonly string[] | undefined;
  /** Makes the text to show. Not together with `fields`. */
  readonly render?: ((document: never) => string) | undefined;
}

/** How `fields` become one text: YAML (`title: …`), or the values alone, one per line. */
export type FieldFormat = "yaml" | "lines";

/** Reads the text of `documents[index]`; anything but a string means that it has none. */
export type DocumentText = (document: RerankInput) => unknown;

/** @throws PgVectorDBError `invalid_argument` */
export function documentText({ fields, render }: DocumentTextOptions, format: FieldFormat): DocumentText {
  checkDocumentTextOptions(fields, render);
  if (render !== undefined) return render as DocumentText;
  if (fields === undefined) {
    return (document) =>
      typeof document === "string" ? document : (document as { content?: unknown } | null)?.content;
  }
  return (document) => {
    if (typeof document === "string") return document;
    const picked = pickFields(document, fields);
    if (Object.keys(picked).length === 0) return undefined;
    return format === "yaml" ? toYaml(picked) : Object.values(picked).map(toLine).join("\n");
  };
}

/** The named fields that a document has, in the order of `fields`. */
export function pickFields(document: unknown, fields: readonly string[]): Record<string, unknown> {
  const found = fields.map((field) => [field, valueAt(document, field.split("."))] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined && value !== null));
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (parent, name) =>
      typeof parent === "object" && parent !== null && Object.hasOwn(parent, name)
        ? (parent as Record<string, unknown>)[name]
        : undefined,
    value,
  );
}

function toLine(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function checkDocumentTextOptions(fields: unknown, render: unknown): void {
  if (render !== undefined && typeof render !== "function") {
    throw new PgVectorDBError("invalid_argument", "`render` must be a function `(document) => text`.");
  }
  if (fields === undefined) return;
  if (render !== undefined) {
    throw new PgVectorDBError("invalid_argument", "Give either `fields` or `render`, not both.");
  }
  const named =
    Array.isArray(fields) && fields.length > 0 && fields.every((name) => typeof name === "string" && name !== "");
  if (!named) {
    throw new PgVectorDBError(
      "invalid_argument",
      '`fields` must be a list of field names, such as `["title", "body"]`.',
    );
  }
}
