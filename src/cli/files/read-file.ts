import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { extname } from "node:path";
import { invalidArgument } from "../../check-options.ts";
import { splitLines } from "../../ingest/split-lines.ts";
import { decodeHtml } from "./decode-html.ts";
import { readCsv } from "./read-csv.ts";
import { type RecordFields, type SourceRecord, toSourceRecord } from "./source-record.ts";

/** What a file gives: its texts, and records that could not be read. */
export type FileItem = SourceRecord | { readonly line: number; readonly problem: string };

type Reader = (path: string, fields: RecordFields) => AsyncGenerator<FileItem, void, undefined>;

const READERS: Readonly<Record<string, Reader>> = {
  ".txt": readWholeText,
  ".text": readWholeText,
  ".md": readWholeText,
  ".markdown": readWholeText,
  ".html": readHtml,
  ".htm": readHtml,
  ".jsonl": readJsonLines,
  ".ndjson": readJsonLines,
  ".csv": readCsvRecords,
  ".tsv": readCsvRecords,
};

/** A file that is one text is held in memory as a whole. */
const MAX_TEXT_BYTES = 64_000_000;

export function isReadable(path: string): boolean {
  return Object.hasOwn(READERS, extname(path).toLowerCase());
}

/**
 * Reads a file by its kind. JSON lines and CSV are streamed.
 *
 * @throws PgVectorDBError `invalid_argument` that says what is wrong with the file, never what stands in it; or what the file system throws
 */
export function readFileItems(path: string, fields: RecordFields): AsyncGenerator<FileItem, void, undefined> {
  const reader = READERS[extname(path).toLowerCase()];
  if (reader === undefined) throw invalidArgument("files of this kind are not read");
  return reader(path, fields);
}

async function* readWholeText(path: string): AsyncGenerator<FileItem, void, undefined> {
  const text = decodeUtf8(await readBounded(path));
  if (text.trim() !== "") yield { text, fields: {} };
}

async function* readHtml(path: string): AsyncGenerator<FileItem, void, undefined> {
  const html = decodeHtml(await readBounded(path));
  // The parser is loaded by those who have HTML.
  const { htmlToText } = await import("./html-to-text.ts");
  const { text, title } = htmlToText(html);
  if (text !== "") yield { text, ...(title === undefined ? {} : { title }), fields: {} };
}

async function* readJsonLines(path: string, fields: RecordFields): AsyncGenerator<FileItem, void, undefined> {
  let line = 0;
  for await (const text of splitLines(decodeChunks(path))) {
    line++;
    if (text.trim() === "") continue;
    const value = parseJson(text);
    if (typeof value === "string") yield { document: `${line}`, text: value, fields: {} };
    else if (typeof value !== "object" || value === null || Array.isArray(value))
      yield { line, problem: "is no JSON object" };
    else yield toItem(value as Record<string, unknown>, fields, { allFields: false, number: line });
  }
}

async function* readCsvRecords(path: string, fields: RecordFields): AsyncGenerator<FileItem, void, undefined> {
  let number = 0;
  for await (const record of readCsv(decodeChunks(path))) {
    number++;
    const values = Object.entries(record.fields).map(([name, value]) => [name, toValue(value)] as const);
    const item = toItem(Object.fromEntries(values), fields, { allFields: true, number });
    yield "problem" in item ? { ...item, line: record.line } : item;
  }
}

function toItem(
  value: Readonly<Record<string, unknown>>,
  fields: RecordFields,
  how: { readonly allFields: boolean; readonly number: number },
): FileItem {
  const record = toSourceRecord(value, fields, how);
  return typeof record === "string" ? { line: how.number, problem: record } : record;
}

/** A number that is written as JavaScript would write it is one, so that filters can compare it; "007" stays text. */
function toValue(text: string): string | number {
  const number = Number(text);
  return text !== "" && String(number) === text && Number.isFinite(number) ? number : text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the line.
    return undefined;
  }
}

async function readBounded(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > MAX_TEXT_BYTES) throw invalidArgument(`is larger than ${MAX_TEXT_BYTES / 1e6} MB`);
  return readFile(path);
}

async function* decodeChunks(path: string): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (chunk?: Uint8Array) => checkText(() => decoder.decode(chunk, { stream: chunk !== undefined }));
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) yield decode(chunk);
  yield decode();
}

function decodeUtf8(bytes: Uint8Array): string {
  return checkText(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}

function checkText(decode: () => string): string {
  let text: string;
  try {
    text = decode();
  } catch {
    throw invalidArgument("is not UTF-8 text");
  }
  if (text.includes("\0")) throw invalidArgument("is not text: it contains NUL characters");
  return text;
}
