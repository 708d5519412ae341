import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtobufMessage } from "../compiler/protobuf-message.ts";
import { ProtobufError, readPackedIntegers, readProtobufFields } from "./protobuf-reader.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

describe("a protobuf message", () => {
  test("is read as it was written", () => {
    const written = new ProtobufMessage().integer(1, 300).text(2, "héllo").integer(3, -1).float(4, 1.5);
    expect(readProtobufFields(written.toBytes())).toEqual([
      { number: 1, value: 300n },
      { number: 2, value: new TextEncoder().encode("héllo") },
      { number: 3, value: 2n ** 64n - 1n },
      { number: 4, value: bytes(0, 0, 0xc0, 0x3f) },
    ]);
    expect(readProtobufFields(bytes())).toEqual([]);
  });

  test("has whole numbers that survive, packed or not", () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), (values) => {
        const [field] = readProtobufFields(new ProtobufMessage().integers(8, values).toBytes());
        expect(readPackedIntegers(field?.value as Uint8Array)).toEqual(values);
      }),
    );
  });

  test.each<[string, Uint8Array]>([
    ["ends within a number", bytes(0x80)],
    ["ends within a tag's number", bytes(0x08)],
    ["has a part that is longer than it", bytes(0x0a, 5, 1, 2)],
    [
      "has a part that is longer than anything",
      bytes(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
    ],
    ["has fewer than 8 bytes where 8 belong", bytes(0x09, 1, 2, 3)],
    ["has fewer than 4 bytes where 4 belong", bytes(0x0d, 1)],
    ["has field 0", bytes(0x00, 1)],
    ["has a field that is too high", bytes(0x80, 0x80, 0x80, 0x80, 0x10, 1)],
    ["has a group", bytes(0x0b)],
    ["has wire type 7", bytes(0x0f)],
    ["has a number of 11 bytes", bytes(0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01)],
    ["has a number of 65 bits", bytes(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02)],
  ])("is refused when it %s", (_, message) => {
    expect(() => readProtobufFields(message)).toThrow(ProtobufError);
  });

  test("of any bytes is read or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (message) => {
        try {
          const fields = readProtobufFields(message);
          const held = fields.reduce((sum, { value }) => sum + (typeof value === "bigint" ? 0 : value.byteLength), 0);
          expect(held).toBeLessThan(Math.max(1, message.byteLength));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
