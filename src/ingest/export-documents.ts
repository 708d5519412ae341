import { createHash } from "node:crypto";
import sql from "sql-template-tag";
import { invalidArgument } from "../check-options.ts";
import type { CollectionContext } from "../collection-context.ts";
import type { StoredDocument } from "../contracts/collection.ts";
import type { ExportOptions } from "../contracts/writing.ts";
import { infoOf } from "../database/catalog.ts";
import { embeddingBytes } from "../database/document-table.ts";
import {
  EXPORT_FORMAT,
  EXPORT_VERSION,
  type ExportedDocument,
  type ExportFooter,
  type ExportHeader,
  encodeSentVector,
} from "./export-format.ts";
import { DOCUMENT_FIELDS, type ReadRowsOptions, readRows } from "./read-documents.ts";

type Row = StoredDocument<object> & { readonly sent?: Uint8Array };

/** The lines of an export, each with its end. */
export async function* exportDocuments(
  context: CollectionContext,
  options: ReadRowsOptions & Pick<ExportOptions<object>, "embeddings">,
): AsyncGenerator<string, void, undefined> {
  const { embeddings = false, ...reading } = options;
  if (typeof embeddings !== "boolean") throw invalidArgument("`embeddings` must be true or false.");
  const fields = embeddings ? sql`${DOCUMENT_FIELDS}, ${embeddingBytes(context.target)} AS sent` : DOCUMENT_FIELDS;
  const rows = readRows<Row>(context, fields, reading);
  const header: ExportHeader = {
    format: EXPORT_FORMAT,
    version: EXPORT_VERSION,
    ...infoOf(context.record),
    embeddings,
  };
  const hash = createHash("sha256");
  let documents = 0;
  let begun = false;
  for await (const row of rows) {
    // After the first page, so that a wrong option fails before anything is given out.
    if (!begun) yield toLine(header);
    begun = true;
    const line = toLine(toExported(row));
    hash.update(line);
    documents++;
    yield line;
  }
  if (!begun) yield toLine(header);
  const footer: ExportFooter = { end: EXPORT_FORMAT, documents, sha256: hash.digest("hex") };
  yield toLine(footer);
}

function toExported({ id, content, metadata, sent }: Row): ExportedDocument {
  return { id, content, metadata, ...(sent === undefined ? {} : { embedding: encodeSentVector(sent) }) };
}

function toLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
