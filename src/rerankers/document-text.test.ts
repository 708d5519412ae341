import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { documentText, pickFields } from "./document-text.ts";
import { fromFunction } from "./function-reranker.ts";
import { toYaml } from "./yaml.ts";

const PRODUCT = { content: "c", title: "Parka", metadata: { price: 179, note: null } };

describe("documentText", () => {
  it.each([
    [{}, "lines", "c"],
    [{ fields: ["title", "metadata.price"] }, "lines", "Parka\n179"],
    [{ fields: ["metadata.price", "title"] }, "yaml", "metadata.price: 179\ntitle: Parka\n"],
    [{ fields: ["metadata.note", "metadata.none", "toString", "title.length"] }, "lines", undefined],
    [{ render: ({ title }: { title: string }) => title.toUpperCase() }, "lines", "PARKA"],
  ] as const)("shows %o as %s", (options, format, expected) => {
    expect(documentText(options, format)(PRODUCT)).toBe(expected);
  });

  it("takes a string for its own text", () => {
    expect(documentText({ fields: ["title"] }, "yaml")("text")).toBe("text");
  });

  it("refuses what makes no sense", () => {
    expect(() => documentText({ fields: [] }, "yaml")).toThrow(/`fields`/);
    expect(() => documentText({ fields: ["a"], render: () => "" }, "yaml")).toThrow(/not both/);
    expect(() => documentText({ render: "title" } as object, "yaml")).toThrow(/`render`/);
  });

  it("works for every reranker, and names the document that has none of the fields", async () => {
    const options = { fields: ["title"] };
    const reranker = fromFunction((_query, texts) => texts.map((text) => text.length), options);
    const ranked = await reranker.rerank("q", [
      { content: "long content", title: "a" },
      { content: "", title: "bcd" },
    ]);
    expect(ranked.map(({ index }) => index)).toEqual([1, 0]);
    await expect(reranker.rerank("q", [{ content: "no title" }])).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/`documents\[0\]`/),
    });
  });

  it("reads own properties only", () => {
    expect(pickFields({ a: 1 }, ["constructor.name", "__proto__", "a"])).toEqual({ a: 1 });
  });
});

describe("toYaml", () => {
  it.each([
    ["plain words, and 5 more", "plain words, and 5 more"],
    ["yes", '"yes"'],
    ["null", '"null"'],
    ["007", '"007"'],
    ["- item", '"- item"'],
    ["a: b", '"a: b"'],
    ["a #b", '"a #b"'],
    ["trailing ", '"trailing "'],
    ["", '""'],
    ["two\nlines", '"two\\nlines"'],
    [179.5, "179.5"],
    [["a", 1], '["a",1]'],
  ])("writes %j as %s", (value, expected) => {
    expect(toYaml({ key: value })).toBe(`key: ${expected}\n`);
  });

  it("is one line for each field, whatever is in it", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.string({ unit: "binary" })), (fields) => {
        const own = Object.fromEntries(Object.entries(fields));
        expect(toYaml(own).split("\n")).toHaveLength(Object.keys(own).length + 1);
      }),
      { numRuns: 50 },
    );
  });
});
