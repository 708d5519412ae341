import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalizeMetadata } from "./normalize-metadata.ts";

it("writes what JSON can say as it is", () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string().filter((key) => !key.includes("\0")),
        fc.jsonValue({ maxDepth: 4 }),
      ),
      (metadata) => {
        fc.pre(!JSON.stringify(metadata).includes("\\u0000"));
        const expected: unknown = JSON.parse(JSON.stringify(metadata).replace(/\\ud[89a-f][0-9a-f]{2}/gi, "\ufffd"));
        expect(JSON.parse(normalizeMetadata("metadata", metadata))).toEqual(expected);
      },
    ),
  );
});

it("writes dates as ISO strings, leaves out undefined and knows no prototype", () => {
  const metadata = { at: new Date(0), gone: undefined, list: [undefined, 1], ["__proto__"]: "a key" };
  expect(normalizeMetadata("metadata", metadata)).toBe(
    '{"at":"1970-01-01T00:00:00.000Z","list":[null,1],"__proto__":"a key"}',
  );
  expect(normalizeMetadata("metadata", undefined)).toBe("{}");
});

describe("normalizeMetadata refuses what JSON would silently lose", () => {
  it.each<[string, unknown, RegExp]>([
    ["a Map", new Map([["a", 1]]), /`metadata` contains a Map.*Object\.fromEntries/],
    ["a Set", new Set([1]), /contains a Set.*\[\.\.\.set\]/],
    ["a RegExp", /x/, /JSON keeps nothing/],
    ["an Error", new Error("x"), /JSON keeps nothing/],
    ["a promise", Promise.resolve(1), /JSON keeps nothing/],
    ["a number object", Object(5), /JSON keeps nothing/],
    ["an ArrayBuffer", new ArrayBuffer(2), /JSON keeps nothing/],
    ["a typed array", new Float32Array([1]), /typed array.*Array\.from/],
    ["an invalid date", new Date(Number.NaN), /a Date that is no date/],
    ["a `toJSON` without a value", { toJSON: () => undefined }, /`toJSON\(\)` gives nothing/],
  ])("%s", (_name, value, message) => {
    expect(() => normalizeMetadata("metadata", { deep: [value] })).toThrow(message);
    expect(() => normalizeMetadata("metadata", value)).toThrow(message);
  });

  it.each([
    new URL("http://localhost/"),
    new Date(0),
    { toJSON: () => [1] },
    { toJSON: () => null },
    [1],
    "text",
    null,
  ])("as a whole: %o", (metadata) => {
    expect(() => normalizeMetadata("metadata", metadata)).toThrow("`metadata` must be an object.");
  });

  it("but takes what has a JSON of its own", () => {
    const metadata = { url: new URL("http://localhost/"), bytes: Buffer.from("a"), own: { toJSON: () => ({ a: 1 }) } };
    expect(normalizeMetadata("metadata", metadata)).toBe(JSON.stringify(metadata));
    expect(normalizeMetadata("metadata", { toJSON: () => ({ a: 1 }) })).toBe('{"a":1}');
  });
});
