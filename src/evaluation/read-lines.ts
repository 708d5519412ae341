import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { throwIfAborted } from "../deadline.ts";
import { PgVectorDBError } from "../errors.ts";

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Reads one line. What it throws is reported with the file's name and the line's number. */
export type LineReader = (line: string, lineNumber: number) => void;

/**
 * Gives every line of a UTF-8 text file that is not blank to `readLine`. A gzipped file is recognised by its content.
 *
 * @throws PgVectorDBError `invalid_argument` for a file that cannot be read; `aborted`
 */
export async function readLines(path: string, { signal }: ReadOptions, readLine: LineReader): Promise<void> {
  if (typeof path !== "string" || path === "") throw invalid("`path` must be the path of a file.");
  throwIfAborted(signal);
  try {
    const options = signal ? { signal } : {};
    const splitLines = createLineSplitter(readLine);
    if (await isGzipped(path)) await pipeline(createReadStream(path), createGunzip(), splitLines, options);
    else await pipeline(createReadStream(path), splitLines, options);
  } catch (cause) {
    throwIfAborted(signal);
    if (cause instanceof PgVectorDBError) throw cause;
    throw invalid(
      `${basename(path)} cannot be read: ${cause instanceof Error ? cause.message : "unknown error"}`,
      cause,
    );
  }
}

/** The error for a line that is not what the format says. Lines hold documents and queries: only the number is told. */
export function badLine(path: string, lineNumber: number, expected: string): PgVectorDBError {
  return invalid(`${basename(path)}, line ${lineNumber}: expected ${expected}.`);
}

function createLineSplitter(readLine: LineReader): (chunks: AsyncIterable<Uint8Array>) => Promise<void> {
  return async (chunks) => {
    const decoder = new TextDecoder();
    let lineNumber = 0;
    let rest = "";
    const take = (line: string) => {
      lineNumber++;
      const text = line.endsWith("\r") ? line.slice(0, -1) : line;
      if (text.trim() !== "") readLine(text, lineNumber);
    };
    for await (const chunk of chunks) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(line);
    }
    take(rest + decoder.decode());
  };
}

async function isGzipped(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}

function invalid(message: string, cause?: unknown): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message, { cause });
}
