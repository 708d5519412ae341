/** One field of a message: a whole number, or bytes. Fixed numbers of 4 and 8 bytes are bytes. */
export interface ProtobufField {
  readonly number: number;
  readonly value: bigint | Uint8Array;
}

const LONGEST_VARINT = 10;
/** Field numbers take 29 bits. */
const MOST_NUMBER = 2n ** 29n - 1n;

/**
 * The fields of a message as they stand, checked byte by byte, without a copy: bytes are views.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 * @throws ProtobufError
 */
export function readProtobufFields(bytes: Uint8Array): ProtobufField[] {
  const cursor = new ByteCursor(bytes);
  const fields: ProtobufField[] = [];
  while (!cursor.isAtEnd) {
    const tag = cursor.takeVarint();
    const number = tag >> 3n;
    if (number < 1n || number > MOST_NUMBER) throw new ProtobufError(`there is no field ${number}`);
    fields.push({ number: Number(number), value: readValue(cursor, Number(tag & 7n)) });
  }
  return fields;
}

/** Whole numbers one behind the other, as packed fields have them. @throws ProtobufError */
export function readPackedIntegers(bytes: Uint8Array): bigint[] {
  const cursor = new ByteCursor(bytes);
  const integers: bigint[] = [];
  while (!cursor.isAtEnd) integers.push(cursor.takeVarint());
  return integers;
}

/** What is wrong with the bytes of a message. */
export class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}

function readValue(cursor: ByteCursor, wireType: number): bigint | Uint8Array {
  if (wireType === 0) return cursor.takeVarint();
  if (wireType === 1) return cursor.take(8n);
  if (wireType === 2) return cursor.take(cursor.takeVarint());
  if (wireType === 5) return cursor.take(4n);
  throw new ProtobufError(`there is no wire type ${wireType}`);
}

class ByteCursor {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.byteLength;
  }

  takeVarint(): bigint {
    let value = 0n;
    for (let place = 0; place < LONGEST_VARINT; place++) {
      const byte = this.#bytes[this.#position];
      if (byte === undefined) throw new ProtobufError("it ends within a number");
      this.#position++;
      value |= BigInt(byte & 127) << BigInt(7 * place);
      if (byte < 128) {
        if (value >= 2n ** 64n) break;
        return value;
      }
    }
    throw new ProtobufError("a number has more than 64 bits");
  }

  take(length: bigint): Uint8Array {
    const start = this.#position;
    if (length > BigInt(this.#bytes.byteLength - start)) {
      throw new ProtobufError("a part is longer than what holds it");
    }
    this.#position += Number(length);
    return this.#bytes.subarray(start, this.#position);
  }
}
