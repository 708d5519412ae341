import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arrayText } from "./array-text.ts";
import { compileWhere } from "./compile-where.ts";
import { fieldExpression, indexedFieldExpression } from "./field-expression.ts";

const field = (position: number) => `(metadata #> $${position}::text[])`;
const number = (position: number) =>
  `(CASE jsonb_typeof(${field(position)}) WHEN 'number' THEN ${field(position + 1)}::numeric END)`;
const text = (position: number) =>
  `(CASE jsonb_typeof(${field(position)}) WHEN 'string' THEN metadata #>> $${position + 1}::text[] END)`;

describe("compileWhere", () => {
  it("asks for nothing when there is nothing to ask", () => {
    expect(compileWhere(undefined)).toBeUndefined();
    expect(compileWhere({})).toBeUndefined();
    expect(compileWhere({ price: undefined, $or: undefined })).toBeUndefined();
  });

  const contains = "(metadata @> $1::jsonb OR metadata @> $2::jsonb)";
  it.each<[string, unknown, string, unknown[]]>([
    ["equality", { brand: "sony" }, contains, ['{"brand":"sony"}', '{"brand":["sony"]}']],
    ["$eq", { brand: { $eq: "sony" } }, contains, ['{"brand":"sony"}', '{"brand":["sony"]}']],
    ["$ne", { brand: { $ne: true } }, `((${contains}) IS NOT TRUE)`, ['{"brand":true}', '{"brand":[true]}']],
    ["a nested path", { "size.width": 3 }, contains, ['{"size":{"width":3}}', '{"size":{"width":[3]}}']],
    ["a position in an array", { "sizes.0": 3 }, `${field(1)} @> $2::jsonb`, ['{"sizes","0"}', "3"]],
    [
      "a date",
      { at: new Date(0) },
      contains,
      ['{"at":"1970-01-01T00:00:00.000Z"}', '{"at":["1970-01-01T00:00:00.000Z"]}'],
    ],
    ["null", { brand: null }, `coalesce(${field(1)} @> 'null'::jsonb, true)`, ['{"brand"}']],
    ["$in", { a: { $in: [1] } }, "metadata @> ANY($1::text[]::jsonb[])", [arrayText(['{"a":1}', '{"a":[1]}'])]],
    [
      "$nin with null",
      { a: { $nin: [1, null] } },
      `(((metadata @> ANY($1::text[]::jsonb[]) OR coalesce(${field(2)} @> 'null'::jsonb, true))) IS NOT TRUE)`,
      [arrayText(['{"a":1}', '{"a":[1]}']), '{"a"}'],
    ],
    ["nothing of a list", { brand: { $in: [] } }, "false", []],
    [
      "a range of numbers",
      { price: { $gte: 10, $lt: 20 } },
      `${number(1)} >= $3::numeric AND ${number(4)} < $6::numeric`,
      ['{"price"}', '{"price"}', "10", '{"price"}', '{"price"}', "20"],
    ],
    [
      "a range of strings",
      { brand: { $between: ["a", "b"] } },
      `${text(1)} COLLATE "C" BETWEEN $3::text AND $4::text`,
      ['{"brand"}', '{"brand"}', "a", "b"],
    ],
    [
      "a range of dates",
      { at: { $gt: new Date(5) } },
      "pgvectordb.epoch_ms(metadata #>> $1::text[]) > $2::float8",
      ['{"at"}', "5"],
    ],
    ["a pattern", { brand: { $like: "so%" } }, `${text(1)} LIKE $3`, ['{"brand"}', '{"brand"}', "so%"]],
    ["a pattern of any case", { brand: { $ilike: "so%" } }, `${text(1)} ILIKE $3`, ['{"brand"}', '{"brand"}', "so%"]],
    [
      "$exists",
      { a: { $exists: true }, b: { $exists: false } },
      `${field(1)} IS NOT NULL AND ${field(2)} IS NULL`,
      ['{"a"}', '{"b"}'],
    ],
    ["$not on a field", { a: { $not: { $exists: true } } }, `((${field(1)} IS NOT NULL) IS NOT TRUE)`, ['{"a"}']],
    [
      "combinations",
      { $or: [{ a: { $exists: true } }, { $and: [{ b: null }, {}] }], $not: { c: { $in: [] } } },
      `(${field(1)} IS NOT NULL OR (coalesce(${field(2)} @> 'null'::jsonb, true) AND true)) AND ((false) IS NOT TRUE)`,
      ['{"a"}', '{"b"}'],
    ],
  ])("%s", (_name, where, expected, values) => {
    const compiled = compileWhere(where);
    expect(compiled?.text).toBe(expected);
    expect(compiled?.values).toEqual(values);
  });

  it("binds a long list as one value", () => {
    const compiled = compileWhere({ a: { $in: Array.from({ length: 5000 }, (_, i) => i) } });
    expect(compiled?.text).toContain("jsonb_array_elements");
    expect(compiled?.values.filter((value) => String(value).startsWith("["))).toHaveLength(2);
  });

  const nested = (depth: number): unknown => (depth === 0 ? { a: 1 } : { $not: nested(depth - 1) });
  const cyclic: Record<string, unknown> = {};
  cyclic["$and"] = [cyclic];
  it.each<[string, unknown, RegExp]>([
    ["an array", [], /`where` must be an object/],
    ["a Map", new Map([["price", 3]]), /`where` must be an object/],
    ["a Set", { $or: [new Set(["price"])] }, /`where` must be an object/],
    ["a string", "price > 3", /`where` must be an object/],
    [
      "an unknown operator",
      { price: { $regex: "x" } },
      /unknown operator `\$regex`. Known: \$eq, \$ne, \$in, \$nin, \$lt/,
    ],
    ["an inherited operator", { price: { $toString: 1 } }, /unknown operator/],
    ["an operator for a field", { $where: "1" }, /unknown operator `\$where`.*Known there: \$and, \$or, \$not/],
    ["a nested object", { size: { width: 3 } }, /Reach a nested field by dots/],
    ["an empty condition", { size: {} }, /must be a value or an object of operators/],
    ["NaN", { price: Number.NaN }, /finite number/],
    ["a boolean range", { price: { $gt: true } }, /needs a number, a string or a Date/],
    ["a range to null", { price: { $gt: null } }, /needs a number, a string or a Date/],
    ["$in without a list", { price: { $in: 3 } }, /`\$in` on `price` needs an array/],
    ["$nin without a list", { price: { $nin: 3 } }, /`\$nin` on `price` needs an array/],
    ["half of $between", { price: { $between: [3] } }, /needs an array of two values/],
    ["a mixed $between", { price: { $between: [3, "4"] } }, /two values of the same type/],
    ["$between a date and a string", { at: { $between: [new Date(), "4"] } }, /two values of the same type/],
    ["a pattern that is no string", { a: { $like: 3 } }, /`\$like` on `a` needs a string/],
    ["a pattern with a loose end", { a: { $like: "x\\\\\\" } }, /backslash/],
    ["$exists of a number", { a: { $exists: 1 } }, /needs true or false/],
    ["$or of an object", { $or: { a: 1 } }, /`\$or` needs an array of filters/],
    ["$and of nothing", { $and: [] }, /`\$and` needs an array of filters, at least one/],
    ["$not of a value", { $not: 3 }, /`where` must be an object/],
    ["a NUL character", { brand: "a\0" }, /NUL/],
    ["an empty name", { "a..b": 1 }, /empty name/],
    ["a deep path", { [Array(17).fill("a").join(".")]: 1 }, /at most 16 names; this one has 17/],
    ["a function", { a: () => 1 }, /must be a string, a finite number/],
    ["an invalid date", { a: new Date(Number.NaN) }, /must be a string, a finite number/],
    ["too deep", nested(16), /nested deeper than 16/],
    ["a filter in itself", cyclic, /nested deeper than 16/],
    ["too many", Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`f${i}`, 1])), /more than 100/],
    ["too many in all", { $or: Array.from({ length: 51 }, () => ({ a: 1, b: { $gt: 1 } })) }, /more than 100/],
  ])("refuses %s", (_name, where, message) => {
    expect(() => compileWhere(where)).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: expect.stringMatching(message) }),
    );
  });

  it("takes what is just allowed", () => {
    expect(compileWhere(nested(15))).toBeDefined();
    expect(compileWhere({ a: { $like: "100\\%\\\\" } })).toBeDefined();
  });

  it("puts neither a path nor a value into the text", () => {
    const name = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => /^[^.\0$\s\d+-][^.\0]*$/u.test(text));
    const value = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"));
    const number = fc.double({ noNaN: true, noDefaultInfinity: true });
    const filterOf = (path: string, text: string, amount: number) => ({
      [path]: {
        $eq: text,
        $ne: amount,
        $in: [text, amount],
        $nin: [text],
        $gt: text,
        $lte: amount,
        $between: [text, text],
        $not: { $gte: new Date(Math.trunc(amount) % 8e15), $like: text.replaceAll("\\", "") },
      },
      $or: [{ [`${path}.${path}`]: text }, { $not: { [path]: amount } }],
    });
    const expected = compileWhere(filterOf("field", "value", 1))?.text;
    fc.assert(
      fc.property(name, value, number, (path, text, amount) => {
        expect(compileWhere(filterOf(path, text, amount))?.text).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("fieldExpression", () => {
  it("has the same form for a query and for an index", () => {
    for (const type of ["string", "number", "date"] as const) {
      const bound = fieldExpression(["a'b", 'c"\\d'], type);
      const indexed = indexedFieldExpression(["a'b", 'c"\\d'], type);
      expect(indexed.values).toEqual([]);
      expect(indexed.text).toBe(bound.text.replaceAll(/\$\d/g, () => `'{"a''b","c\\"\\\\d"}'`));
    }
  });
});
