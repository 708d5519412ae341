import { describe, expect, it } from "vitest";
import { toFloat32 } from "./half-float.ts";

describe("toFloat32", () => {
  it("reads half floats from their bits", () => {
    const cases: [bits: number, value: number][] = [
      [0x0000, 0],
      [0x3c00, 1],
      [0xc000, -2],
      [0x3555, 0.333251953125],
      [0x7bff, 65504],
      [0x0400, 2 ** -14],
      [0x0001, 2 ** -24],
      [0x8001, -(2 ** -24)],
      [0x7c00, Number.POSITIVE_INFINITY],
      [0xfc00, Number.NEGATIVE_INFINITY],
      [0x7e00, Number.NaN],
    ];
    expect([...toFloat32(Uint16Array.from(cases, ([bits]) => bits))]).toEqual(cases.map(([, value]) => value));
  });

  it("takes floats as they are, and refuses other tensors", () => {
    const floats = Float32Array.of(1, 2);
    expect(toFloat32(floats)).toBe(floats);
    expect(toFloat32(Float64Array.of(0.5))).toEqual(Float32Array.of(0.5));
    for (const other of [["text"], undefined, BigInt64Array.of(1n)]) {
      expect(() => toFloat32(other)).toThrow(expect.objectContaining({ code: "model_invalid" }));
    }
  });
});
