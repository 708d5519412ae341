import { expect, test } from "vitest";
import { toFloat32 } from "../sessions/half-float.ts";
import { widenToFloat32 } from "./float-formats.ts";

const bytesOf = (values: ArrayBufferView) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

test("widens every half float as the other reader of the library does", () => {
  const halves = Uint16Array.from({ length: 65_536 }, (_, index) => index);
  const widened = widenToFloat32(bytesOf(halves), "F16");
  expect(widened).toEqual(toFloat32(halves));
  expect(Object.is(widened[0x8000], -0)).toBe(true);
});

test("widens bfloat16 by its bits", () => {
  const values = widenToFloat32(bytesOf(Uint16Array.of(0x3f80, 0xc0a0, 0x0001, 0x7f80)), "BF16");
  expect([...values]).toEqual([1, -5, 2 ** -133, Number.POSITIVE_INFINITY]);
});

test("keeps float32 and rounds float64", () => {
  expect([...widenToFloat32(bytesOf(Float32Array.of(1.5, -0)), "F32")]).toEqual([1.5, -0]);
  expect([...widenToFloat32(bytesOf(Float64Array.of(0.1)), "F64")]).toEqual([Math.fround(0.1)]);
});
