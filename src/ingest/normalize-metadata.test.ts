import fc from "fast-check";
import { expect, it } from "vitest";
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
