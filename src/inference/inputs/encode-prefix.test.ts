import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadTokenizer } from "../../tokenizers/load-tokenizer.ts";
import { fixtureModel } from "../fixture-models.suite.ts";
import { encodePrefix, encodeSuffix } from "./encode-prefix.ts";

const word = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom("Berlin", "inhabitants", "noise-cancelling", "東京の人口は", "café", "🎧👩‍👩‍👧"),
  },
  { weight: 2, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 80, max: 1100 }).map((length) => "a".repeat(length)) },
);
const space = fc.constantFrom(" ", "  ", "\n\n", "\t", "");
const longText = fc.array(fc.tuple(word, space), { minLength: 6, maxLength: 14 }).map((parts) =>
  parts
    .map((part) => part.join(""))
    .join("")
    .repeat(30)
    .toWellFormed(),
);

describe.each(["tiny-bert-cross-encoder", "tiny-xlm-roberta-cross-encoder"])("encodePrefix with %s", (name) => {
  const tokenizer = readFile(fixtureModel(`${name}/tokenizer.json`), "utf8").then(loadTokenizer);

  it("gives the tokens the whole text begins with", async () => {
    await fc.assert(
      fc.asyncProperty(longText, fc.integer({ min: 1, max: 64 }), async (text, needed) => {
        const whole = await (await tokenizer).encode(text);
        const prefix = await encodePrefix(await tokenizer, text, needed);
        if (prefix.complete) expect(prefix.ids).toEqual(whole);
        else expect(prefix.ids.length).toBeGreaterThan(needed);
        expect(prefix.ids.slice(0, needed)).toEqual(whole.slice(0, needed));
      }),
      { numRuns: 40 },
    );
  });

  it("gives the tokens the whole text ends with", async () => {
    await fc.assert(
      fc.asyncProperty(longText, fc.integer({ min: 1, max: 64 }), async (text, needed) => {
        const whole = await (await tokenizer).encode(text);
        const suffix = await encodeSuffix(await tokenizer, text, needed);
        if (suffix.complete) expect(suffix.ids).toEqual(whole);
        else expect(suffix.ids.length).toBeGreaterThan(needed);
        expect(suffix.ids.slice(-needed)).toEqual(whole.slice(-needed));
      }),
      { numRuns: 40 },
    );
  });
});

describe("encodePrefix", () => {
  /** One token to a word, and a count of the characters that were looked at. */
  function countingTokenizer() {
    const read = { characters: 0 };
    const encode = (text: string) => {
      read.characters += text.length;
      return text
        .split(/\s+/)
        .filter(Boolean)
        .map(() => 1);
    };
    return { read, tokenizer: { encode, tokenToId: () => undefined } };
  }

  it("reads a short text to its end, once", async () => {
    const { read, tokenizer } = countingTokenizer();
    expect(await encodePrefix(tokenizer, "one two three", 512)).toEqual({ ids: [1, 1, 1], complete: true });
    expect(read.characters).toBe(13);
  });

  it.each([
    ["words", "word ".repeat(1_000_000)],
    ["one word", "a".repeat(5_000_000)],
    ["white space", " ".repeat(5_000_000)],
    ["emoji", "🎉".repeat(2_500_000)],
  ])("does not read 5 million characters of %s", async (_, text) => {
    const { read, tokenizer } = countingTokenizer();
    expect((await encodePrefix(tokenizer, text, 512)).complete).toBe(false);
    expect(read.characters).toBeLessThan(400_000);
  });

  it("never cuts through a surrogate pair", async () => {
    const tokenizer = {
      encode: (text: string) => {
        expect(text.isWellFormed()).toBe(true);
        return [];
      },
      tokenToId: () => undefined,
    };
    await encodePrefix(tokenizer, "🎉".repeat(50_000), 10);
    await encodePrefix(tokenizer, `x${"🎉".repeat(50_000)}`, 10);
  });
});
