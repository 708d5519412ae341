/**
 * The part of the protobuf wire format that an ONNX file needs.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class ProtobufMessage {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  get byteLength(): number {
    return this.#length;
  }

  get parts(): readonly Uint8Array[] {
    return this.#parts;
  }

  integer(field: number, value: number | bigint): this {
    return this.#push(encodeVarint(tag(field, 0)), encodeVarint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#push(encodeVarint(tag(field, 5)), bytes);
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.announce(field, value.byteLength).#push(value);
  }

  message(field: number, value: ProtobufMessage): this {
    return this.announce(field, value.byteLength).#push(...value.parts);
  }

  integers(field: number, values: readonly (number | bigint)[]): this {
    const packed = new ProtobufMessage().#push(...values.map(encodeVarint));
    return this.message(field, packed);
  }

  /** The head of a length-delimited field whose `byteLength` bytes the caller writes after this message. */
  announce(field: number, byteLength: number): this {
    return this.#push(encodeVarint(tag(field, 2)), encodeVarint(byteLength));
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let position = 0;
    for (const part of this.#parts) {
      bytes.set(part, position);
      position += part.byteLength;
    }
    return bytes;
  }

  #push(...parts: readonly Uint8Array[]): this {
    for (const part of parts) {
      this.#parts.push(part);
      this.#length += part.byteLength;
    }
    return this;
  }
}

function tag(field: number, wireType: 0 | 2 | 5): number {
  return field * 8 + wireType;
}

/** Negative numbers take the two's complement of 64 bits, as protobuf's int64 does. */
function encodeVarint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
