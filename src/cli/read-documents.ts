import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { PgVectorDBError } from "../errors.ts";
import { splitLines } from "../ingest/split-lines.ts";

/** A line of input: an object as it stands there, or a text as `content`. Whether an object has a text is the reranker's to check. */
export interface InputDocument {
  readonly content: string;
  readonly [field: string]: unknown;
}

/**
 * Reads one document a line: a line that begins with `{` or `"` is JSON, any other is plain text; blank lines are skipped.
 *
 * @param source the path of a file, or what it would hold
 * @throws PgVectorDBError `invalid_argument` that names the file or the line, never its text
 */
export async function readDocuments(source: string | AsyncIterable<Uint8Array | string>): Promise<InputDocument[]> {
  const isFile = typeof source === "string";
  const input = isFile ? createReadStream(source) : Readable.from(source, { objectMode: false });
  const documents: InputDocument[] = [];
  let lineNumber = 0;
  try {
    // A stream that fails to open must be heard before its lines are asked for.
    if (isFile) await opened(input);
    for await (const line of splitLines(input as AsyncIterable<Uint8Array | string>)) {
      lineNumber++;
      const text = line.replace(/^\uFEFF/, "").trim();
      if (text !== "") documents.push(parseLine(text, lineNumber));
    }
  } catch (error) {
    if (error instanceof PgVectorDBError) throw error;
    const { code = "unknown error" } = error as { code?: string };
    throw new PgVectorDBError("invalid_argument", `Cannot read ${isFile ? source : "standard input"} (${code}).`);
  }
  return documents;
}

function opened(stream: Readable): Promise<void> {
  return new Promise((resolve, reject) => stream.once("open", () => resolve()).once("error", reject));
}

function parseLine(text: string, lineNumber: number): InputDocument {
  if (!text.startsWith("{") && !text.startsWith('"')) return { content: text };
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? { content: value } : (value as InputDocument);
  } catch {
    throw new PgVectorDBError("invalid_argument", `Line ${lineNumber} begins like JSON but is not.`);
  }
}
