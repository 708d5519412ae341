import { PgVectorDBError } from "../../errors.ts";

/** Bytes of one element of each dtype that the format knows and that a whole number of bytes can hold. */
const ELEMENT_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
} as const;

export type SafetensorsDtype = keyof typeof ELEMENT_BYTES;

export interface SafetensorsTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** First byte of the data, counted from the start of the file. */
  readonly begin: number;
  /** One past the last byte. */
  readonly end: number;
}

/** The reference implementation's limit (safetensors `MAX_HEADER_SIZE`). */
const MAX_HEADER_BYTES = 100_000_000;
export const LENGTH_BYTES = 8;

/** The header's length, from the first eight bytes of the file. */
export function headerLength(prefix: Uint8Array, fileSize: number, label: string): number {
  if (prefix.byteLength < LENGTH_BYTES) {
    throw invalid(label, `a file of at least ${LENGTH_BYTES} bytes was expected, this one has ${fileSize}`);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(Math.min(MAX_HEADER_BYTES, fileSize - LENGTH_BYTES))) {
    throw invalid(
      label,
      `its header claims ${length} bytes, the file has ${fileSize}: cut short, or not a safetensors file`,
    );
  }
  return Number(length);
}

/**
 * Checks a header as the reference implementation does: known dtypes, lengths that follow from the shapes, and data
 * that covers the rest of the file without gap or overlap.
 *
 * @throws PgVectorDBError `model_invalid`
 */
export function parseSafetensorsHeader(
  header: Uint8Array,
  fileSize: number,
  label: string,
): Map<string, SafetensorsTensor> {
  const dataStart = LENGTH_BYTES + header.byteLength;
  const tensors = new Map<string, SafetensorsTensor>();
  for (const [name, entry] of Object.entries(parseObject(header, label))) {
    if (name !== "__metadata__") tensors.set(name, parseEntry(name, entry, dataStart, label));
  }
  let position = dataStart;
  for (const [name, tensor] of [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (tensor.begin !== position) {
      throw invalid(
        label,
        `tensor ${quote(name)} ${tensor.begin < position ? "overlaps another" : "leaves a gap before it"}`,
      );
    }
    position = tensor.end;
  }
  if (position !== fileSize) {
    throw invalid(label, `its tensors end at byte ${position}, the file has ${fileSize}: download it again`);
  }
  return tensors;
}

function parseObject(header: Uint8Array, label: string): object {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(header));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch (cause) {
    throw invalid(label, "its header is not JSON", cause);
  }
  throw invalid(label, "its header is not a JSON object");
}

function parseEntry(name: string, entry: unknown, dataStart: number, label: string): SafetensorsTensor {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  if (typeof dtype !== "string" || !Object.hasOwn(ELEMENT_BYTES, dtype)) {
    throw invalid(label, `tensor ${quote(name)} has the unknown dtype ${quote(dtype)}`);
  }
  if (!isLengths(shape)) throw invalid(label, `tensor ${quote(name)} has no valid shape`);
  if (!isLengths(offsets) || offsets.length !== 2) throw invalid(label, `tensor ${quote(name)} has no valid offsets`);
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product, length) => product * length, ELEMENT_BYTES[dtype as SafetensorsDtype]);
  if (end - begin !== bytes) {
    throw invalid(
      label,
      `tensor ${quote(name)} of shape [${shape}] needs ${bytes} bytes, its offsets give ${end - begin}`,
    );
  }
  return { dtype: dtype as SafetensorsDtype, shape, begin: dataStart + begin, end: dataStart + end };
}

function isLengths(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((length) => Number.isSafeInteger(length) && length >= 0);
}

/** Names come from the file: shortened, and quoted so that control characters show. */
function quote(value: unknown): string {
  return (JSON.stringify(value) ?? "undefined").slice(0, 120);
}

function invalid(label: string, problem: string, cause?: unknown): PgVectorDBError {
  return new PgVectorDBError("model_invalid", `The safetensors file ${label} cannot be used: ${problem}.`, { cause });
}
