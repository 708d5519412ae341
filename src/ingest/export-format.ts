import type { CollectionInfo } from "../contracts/collection.ts";

/**
 * An export is JSON lines: a header, a line for each document, and a footer with their number and the SHA-256 of their
 * lines, by which an import knows that it is whole.
 */
export const EXPORT_FORMAT = "pgvectordb-export";
export const EXPORT_VERSION = 1;

export interface ExportHeader extends CollectionInfo {
  readonly format: typeof EXPORT_FORMAT;
  readonly version: number;
  /** Whether the documents come with their vectors. */
  readonly embeddings: boolean;
}

export interface ExportedDocument {
  readonly id: string;
  readonly content: string;
  readonly metadata: object;
  /** The vector's float32 numbers, little-endian, as base64. */
  readonly embedding?: string;
}

export interface ExportFooter {
  readonly end: typeof EXPORT_FORMAT;
  readonly documents: number;
  readonly sha256: string;
}

const BYTES_PER_NUMBER = 4;
/** `vector_send` puts the number of dimensions and an unused field first, and writes big-endian. */
const SENT_HEADER_BYTES = 4;

export function encodeSentVector(sent: Uint8Array): string {
  const numbers = Buffer.from(sent.subarray(SENT_HEADER_BYTES));
  return numbers.swap32().toString("base64");
}

/** @returns `undefined` for what is not base64 of whole numbers */
export function decodeVector(text: string): Float32Array | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length % BYTES_PER_NUMBER !== 0 || bytes.toString("base64") !== text) return undefined;
  return Float32Array.from({ length: bytes.length / BYTES_PER_NUMBER }, (_, at) =>
    bytes.readFloatLE(at * BYTES_PER_NUMBER),
  );
}
