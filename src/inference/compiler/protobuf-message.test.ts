import { expect, test } from "vitest";
import { ProtobufMessage } from "./protobuf-message.ts";

const hex = (message: ProtobufMessage) => Buffer.from(message.toBytes()).toString("hex");

// The examples of https://protobuf.dev/programming-guides/encoding/.
test("encodes the examples of the format's own guide", () => {
  expect(hex(new ProtobufMessage().integer(1, 150))).toBe("089601");
  expect(hex(new ProtobufMessage().text(2, "testing"))).toBe("120774657374696e67");
  expect(hex(new ProtobufMessage().message(3, new ProtobufMessage().integer(1, 150)))).toBe("1a03089601");
  expect(hex(new ProtobufMessage().integers(6, [3, 270, 86942]))).toBe("3206038e029ea705");
});

test("encodes negative and large integers in 64 bits", () => {
  expect(hex(new ProtobufMessage().integer(1, -2))).toBe("08feffffffffffffffff01");
  expect(hex(new ProtobufMessage().integer(1, 2 ** 53))).toBe("088080808080808010");
});

test("encodes floats, field numbers above 15 and texts beyond ASCII", () => {
  expect(hex(new ProtobufMessage().float(2, 1))).toBe("150000803f");
  expect(hex(new ProtobufMessage().integer(20, 1))).toBe("a00101");
  expect(hex(new ProtobufMessage().text(1, "é"))).toBe("0a02c3a9");
});

test("announces a field whose bytes are written elsewhere", () => {
  expect(hex(new ProtobufMessage().announce(9, 300))).toBe("4aac02");
});
