import { createHash, type Hash } from "node:crypto";
import { invalidArgument } from "../check-options.ts";
import type { CollectionContext } from "../collection-context.ts";
import type { DocumentInput } from "../contracts/collection.ts";
import { decodeVector, EXPORT_FORMAT, EXPORT_VERSION } from "./export-format.ts";
import { splitLines } from "./split-lines.ts";

type Fields = Record<string, unknown>;
type Source = Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

/** @throws PgVectorDBError `invalid_argument` */
export function checkImportSource(source: unknown): asserts source is Source {
  // A string is iterable too, character by character: more likely a path or the text itself.
  if (typeof source !== "object" || source === null || !(Symbol.iterator in source || Symbol.asyncIterator in source)) {
    throw invalidArgument(
      "`source` must be an iterable or async iterable of text or bytes, such as a file's read stream.",
    );
  }
}

/**
 * The documents of an export. Every line is checked when it comes, the whole of them at the end.
 *
 * @throws PgVectorDBError `invalid_argument` with the line's number for what is not an export, or not all of one
 */
export async function* readExport(
  { record }: Pick<CollectionContext, "record">,
  source: Source,
): AsyncGenerator<DocumentInput<object>, void, undefined> {
  const hash = createHash("sha256");
  let lineNumber = 0;
  let usesVectors = false;
  let isComplete = false;
  for await (const line of splitLines(source)) {
    lineNumber++;
    if (line === "" && isComplete) continue;
    const fields = parseLine(line, lineNumber);
    if (isComplete) throw bad(lineNumber, "nothing after the export's last line");
    if (lineNumber === 1) {
      usesVectors = checkHeader(fields, record);
    } else if (fields["end"] === EXPORT_FORMAT) {
      checkFooter(fields, lineNumber - 2, hash);
      isComplete = true;
    } else {
      hash.update(`${line}\n`);
      yield toDocument(fields, lineNumber, usesVectors);
    }
  }
  if (!isComplete) {
    throw invalidArgument(
      `The export is not whole: it ends after ${lineNumber} lines without its last one. What came before is stored.`,
    );
  }
}

/** @returns whether the vectors are those that the collection's own embedder makes */
function checkHeader(fields: Fields, record: CollectionContext["record"]): boolean {
  const { format, version, embeddings, embedder, dimensions } = fields;
  if (format !== EXPORT_FORMAT) {
    throw bad(1, "the first line of an export made by `collection.export()`. Add other documents by `addDocuments`");
  }
  if (version !== EXPORT_VERSION) {
    throw bad(1, `an export of version ${EXPORT_VERSION}; a newer one needs a newer pgvectordb`);
  }
  return embeddings === true && embedder === record.embedder && dimensions === record.dimensions;
}

function toDocument(fields: Fields, lineNumber: number, usesVectors: boolean): DocumentInput<object> {
  const { id, content, metadata, embedding } = fields;
  if (typeof id !== "string" || typeof content !== "string" || typeof metadata !== "object" || metadata === null) {
    throw bad(lineNumber, "a document with `id`, `content` and `metadata`");
  }
  if (!usesVectors) return { id, content, metadata };
  const vector = typeof embedding === "string" ? decodeVector(embedding) : undefined;
  if (vector === undefined) throw bad(lineNumber, "an `embedding`: float32 numbers as base64");
  return { id, content, metadata, embedding: vector };
}

function checkFooter({ documents, sha256 }: Fields, count: number, hash: Hash): void {
  if (documents !== count || sha256 !== hash.digest("hex")) {
    throw invalidArgument(
      "The export was changed after it was made: its documents are not those that its last line speaks of. " +
        "What came before is stored.",
    );
  }
}

function parseLine(line: string, lineNumber: number): Fields {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value as Fields;
  } catch {
    // The parser's message quotes the line, which holds a document; the number is told below.
  }
  throw bad(lineNumber, "a JSON object");
}

function bad(lineNumber: number, expected: string) {
  return invalidArgument(`Line ${lineNumber} of the export: expected ${expected}.`);
}
