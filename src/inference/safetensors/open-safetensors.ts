import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { PgVectorDBError } from "../../errors.ts";
import { headerLength, LENGTH_BYTES, parseSafetensorsHeader, type SafetensorsTensor } from "./safetensors-header.ts";

/** Tensors by name, read by offset: nothing is held in memory but the header. */
export interface SafetensorsSource {
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** The tensor's bytes, little-endian and row-major; with `begin` and `end`, those bytes of it. */
  read(name: string, begin?: number, end?: number): Promise<Uint8Array>;
  /** The file that a tensor is in. */
  pathOf(name: string): string;
  close(): Promise<void>;
}

/** One read call of Node takes at most 2 GiB - 1 bytes. */
const MAX_READ_BYTES = 2 ** 30;

/**
 * Opens one safetensors file and checks its header.
 *
 * @throws PgVectorDBError `model_not_found` when there is no such file; `model_invalid` when it is corrupt or hostile
 */
export async function openSafetensors(path: string): Promise<SafetensorsSource> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const label = basename(path);
    const prefix = await readBytes(file, 0, Math.min(LENGTH_BYTES, size), label);
    const header = await readBytes(file, LENGTH_BYTES, headerLength(prefix, size, label), label);
    const tensors = parseSafetensorsHeader(header, size, label);
    return {
      tensors,
      read: async (name, begin = 0, end) => {
        const tensor = tensors.get(name);
        if (tensor === undefined) throw new PgVectorDBError("model_invalid", `${label} has no tensor "${name}".`);
        const stop = end === undefined ? tensor.end : Math.min(tensor.begin + end, tensor.end);
        return readBytes(file, tensor.begin + begin, Math.max(0, stop - tensor.begin - begin), label);
      },
      pathOf: () => path,
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    throw new PgVectorDBError("model_not_found", `The weights file ${basename(path)} cannot be opened.`, { cause });
  }
}

async function readBytes(file: FileHandle, position: number, length: number, label: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, MAX_READ_BYTES), position + done);
    if (bytesRead === 0) throw new PgVectorDBError("model_invalid", `${label} became shorter while it was read.`);
    done += bytesRead;
  }
  return bytes;
}
