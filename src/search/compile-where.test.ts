import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileWhere } from "./compile-where.ts";

const field = (position: number) => `(metadata #> ARRAY[$${position}]::text[])`;

describe("compileWhere", () => {
  it("asks for nothing when there is nothing to ask", () => {
    expect(compileWhere(undefined)).toBeUndefined();
    expect(compileWhere({})).toBeUndefined();
    expect(compileWhere({ price: undefined })).toBeUndefined();
  });

  it.each<[string, unknown, string, unknown[]]>([
    ["equality", { brand: "sony" }, `${field(1)} @> $2::jsonb`, ["brand", '"sony"']],
    ["a nested path", { "size.width": 3 }, "(metadata #> ARRAY[$1,$2]::text[]) @> $3::jsonb", ["size", "width", "3"]],
    ["a date", { at: new Date(0) }, `${field(1)} @> $2::jsonb`, ["at", '"1970-01-01T00:00:00.000Z"']],
    ["null", { brand: null }, `coalesce(${field(1)} = 'null'::jsonb, true)`, ["brand"]],
    [
      "a range",
      { price: { $gte: 10, $lt: 20 } },
      `(jsonb_typeof(${field(1)}) = $2 AND ${field(3)} >= $4::jsonb) AND (jsonb_typeof(${field(5)}) = $6 AND ${field(7)} < $8::jsonb)`,
      ["price", "number", "price", "10", "price", "number", "price", "20"],
    ],
    ["nothing of a list", { brand: { $in: [] } }, "false", []],
  ])("%s", (_name, where, text, values) => {
    const compiled = compileWhere(where);
    expect(compiled?.text).toBe(text);
    expect(compiled?.values).toEqual(values);
  });

  it.each<[string, unknown, RegExp]>([
    ["an array", [], /`where` must be an object/],
    ["a string", "price > 3", /`where` must be an object/],
    ["an unknown operator", { price: { $regex: "x" } }, /unknown operator `\$regex`. Known: \$in, \$gt/],
    ["an inherited operator", { price: { $toString: 1 } }, /unknown operator/],
    ["an operator for a field", { $where: "1" }, /unknown operator `\$where`/],
    ["a nested object", { size: { width: 3 } }, /Reach a nested field by dots/],
    ["an empty condition", { size: {} }, /must be a value or an object of operators/],
    ["NaN", { price: Number.NaN }, /finite number/],
    ["a boolean range", { price: { $gt: true } }, /needs a number, a string or a Date/],
    ["$in without a list", { price: { $in: 3 } }, /needs an array/],
    ["a NUL character", { brand: "a\0" }, /NUL/],
    ["an empty name", { "a..b": 1 }, /empty name/],
    ["a deep path", { [Array(17).fill("a").join(".")]: 1 }, /at most 16 names; this one has 17/],
    ["a function", { a: () => 1 }, /must be a string, a finite number/],
    ["an invalid date", { a: new Date(Number.NaN) }, /must be a string, a finite number/],
    ["too many", Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`f${i}`, 1])), /more than 100/],
  ])("refuses %s", (_name, where, message) => {
    expect(() => compileWhere(where)).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: expect.stringMatching(message) }),
    );
  });

  it("puts neither a key nor a value into the text", () => {
    const key = fc.string({ minLength: 1 }).filter((text) => !/[.\0$]/.test(text) && text.isWellFormed());
    const value = fc.string().filter((text) => !text.includes("\0") && text.isWellFormed());
    fc.assert(
      fc.property(key, value, (name, text) => {
        const compiled = compileWhere({ [name]: { $in: [text], $gt: text } });
        expect(compiled?.text).toBe(compileWhere({ field: { $in: ["value"], $gt: "value" } })?.text);
      }),
    );
  });
});
