import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WordPieceTokenizer } from "./wordpiece-tokenizer.ts";

interface Golden {
  readonly special: readonly string[];
  readonly words: readonly string[];
  readonly ranges: readonly (readonly [number, number])[];
  readonly blueprints: readonly Blueprint[];
  readonly sweep: {
    readonly ranges: readonly (readonly [number, number])[];
    readonly digests: readonly (readonly [setting: number, sha256: string])[];
  };
  readonly cases: readonly (readonly [setting: number, text: string, ids: readonly number[]])[];
}

interface Blueprint {
  readonly model: object;
  readonly normalizer: object;
  readonly [field: string]: unknown;
}

const goldenFile = process.env["WORDPIECE_GOLDEN"] ?? "test/fixtures/wordpiece-golden.json.gz";
const golden: Golden = JSON.parse(gunzipSync(readFileSync(goldenFile)).toString());
const vocabulary = makeVocabulary();
const blueprints = golden.blueprints.map((blueprint) => ({
  ...blueprint,
  added_tokens: golden.special.map((content) => addedToken(content, vocabulary[content] as number)),
  model: { ...blueprint.model, vocab: vocabulary },
}));
const tokenizers = blueprints.map((blueprint) => tokenizerFrom(blueprint));

describe("WordPieceTokenizer", () => {
  it("gives the reference's ids for fuzzed Unicode in every setting", () => {
    expect(golden.cases.length).toBeGreaterThanOrEqual(2000);
    for (const [setting, text, ids] of golden.cases) {
      const mine = tokenizers[setting]?.encode(text);
      if (JSON.stringify(mine) !== JSON.stringify(ids)) {
        expect.fail(`setting ${setting}, ${JSON.stringify(text)}: expected ${ids}, got ${mine}`);
      }
    }
  });

  it.each(golden.sweep.digests)(
    "gives the reference's ids around every code point in setting %i",
    (setting, sha256) => {
      const digest = createHash("sha256");
      for (const [first, last] of golden.sweep.ranges) {
        for (let code = first; code <= last; code++) {
          digest.update(`${tokenizers[setting]?.encode(`a${String.fromCodePoint(code)}b`).join()}\n`);
        }
      }
      expect(digest.digest("hex")).toBe(sha256);
    },
  );

  it("gives the same ids in slices of any length", () => {
    const tokenizer = tokenizers[0] as WordPieceTokenizer;
    const texts = fc.array(fc.constantFrom(...golden.cases.map(([, text]) => text)), { maxLength: 4 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 50 }), (parts, sliceLength) => {
        const text = parts.join("");
        const ids: number[] = [];
        for (const slice of tokenizer.encodeSlices(text, sliceLength)) ids.push(...slice);
        expect(ids).toEqual(tokenizer.encode(text));
      }),
    );
  });

  it("gives the same ids when a text is far longer than a part", () => {
    const tokenizer = tokenizers[0] as WordPieceTokenizer;
    const unknown = tokenizer.tokenToId("[UNK]") as number;
    expect(tokenizer.encode("é".repeat(10_000))).toEqual([unknown]);
    expect(tokenizer.encode("x".repeat(10_000))).toEqual([unknown]);
    expect(tokenizer.encode(`x${"\u0301\u0323".repeat(100_000)}`)).toEqual([tokenizer.tokenToId("x")]);
    const ideograph = tokenizer.tokenToId("一") as number;
    expect(tokenizer.encode("一".repeat(5_000))).toEqual(new Array(5_000).fill(ideograph));
    const words = "ébé,é𝔘 ".repeat(2_000);
    const once = tokenizer.encode("ébé,é𝔘 ");
    expect(tokenizer.encode(words)).toEqual(Array.from({ length: 2_000 }, () => once).flat());
  });

  it("gives a long row of special tokens in slices too", () => {
    const tokenizer = tokenizers[0] as WordPieceTokenizer;
    const text = "[SEP][CLS]".repeat(5_000);
    let [slices, longest, count] = [0, 0, 0];
    for (const ids of tokenizer.encodeSlices(text, 100)) {
      slices++;
      count += ids.length;
      longest = Math.max(longest, ids.length);
    }
    expect({ count, longest }).toEqual({ count: 10_000, longest: 100 });
    expect(slices).toBeGreaterThanOrEqual(100);
  });

  it("drops lone surrogates as it drops the replacement character", () => {
    const tokenizer = tokenizers[0] as WordPieceTokenizer;
    expect(tokenizer.encode("a\ud800b")).toEqual(tokenizer.encode("ab"));
  });

  it("finds a token's id by its spelling", () => {
    expect(tokenizers[0]?.tokenToId("[CLS]")).toBe(vocabulary["[CLS]"]);
    expect(tokenizers[0]?.tokenToId("##phone")).toBe(vocabulary["##phone"]);
    expect(tokenizers[0]?.tokenToId("no such token")).toBeUndefined();
  });

  it.each([
    ["another model", { model: { type: "BPE", vocab: {} } }],
    ["another normalizer", { normalizer: { type: "NFC" } }],
    ["no normalizer", { normalizer: null }],
    ["a normalizer setting missing", { normalizer: { type: "BertNormalizer", clean_text: true } }],
    ["another pre-tokenizer", { pre_tokenizer: { type: "Whitespace" } }],
    ["an added token that is normalised", { added_tokens: [{ ...addedToken("[CLS]", 2), normalized: true }] }],
    ["an added token that must be a word", { added_tokens: [{ ...addedToken("[CLS]", 2), single_word: true }] }],
    ["an added token with another id than the vocabulary's", { added_tokens: [addedToken("[CLS]", 3)] }],
    ["an added token beyond the vocabulary out of turn", { added_tokens: [addedToken("<new>", 9_999_999)] }],
    ["a vocabulary without the unknown token", { model: { ...blueprints[0]?.model, unk_token: "<unk>" } }],
    ["an id that is not a number", { model: { ...blueprints[0]?.model, vocab: { "[UNK]": "1" } } }],
  ])("leaves %s to the native tokenizer", (_, change) => {
    expect(WordPieceTokenizer.fromJson({ ...blueprints[0], ...change })).toBeUndefined();
  });

  it.each([undefined, null, 3, "text", [], {}])("leaves %j to the native tokenizer", (json) => {
    expect(WordPieceTokenizer.fromJson(json)).toBeUndefined();
  });
});

function makeVocabulary(): Record<string, number> {
  const pieces = new Set<string>([...golden.special, ...golden.words]);
  for (const [first, last] of golden.ranges) {
    for (let code = first; code <= last; code++) {
      pieces.add(String.fromCodePoint(code));
      pieces.add(`##${String.fromCodePoint(code)}`);
    }
  }
  return Object.fromEntries([...pieces].map((piece, index) => [piece, index]));
}

function addedToken(content: string, id: number) {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

function tokenizerFrom(blueprint: object): WordPieceTokenizer {
  const tokenizer = WordPieceTokenizer.fromJson(blueprint);
  if (tokenizer === undefined) throw new Error("the fixture's tokenizer was refused");
  return tokenizer;
}
