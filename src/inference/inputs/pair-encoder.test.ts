import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { loadTokenizer } from "../../tokenizers/load-tokenizer.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { fixtureModel, type GoldenPairs, readFixture } from "../fixture-models.suite.ts";
import { PairEncoder, type PairEncoderOptions } from "./pair-encoder.ts";
import { readTemplates } from "./pair-template.ts";

async function fixtureEncoder(name: string, options: PairEncoderOptions): Promise<PairEncoder> {
  const json = await readFile(fixtureModel(`${name}/tokenizer.json`), "utf8");
  const { post_processor } = JSON.parse(json) as { post_processor: unknown };
  return new PairEncoder(await loadTokenizer(json), readTemplates(post_processor), options);
}

describe.each([
  "tiny-bert-cross-encoder",
  // Its tokenizer.json asks to cut at 8 and to pad to 40, which must not happen here.
  "tiny-bert-two-labels",
  "tiny-xlm-roberta-cross-encoder",
])("the pairs of %s", (name) => {
  const golden = readFixture<GoldenPairs>(`${name}/golden.json`);

  it("are laid out and cut as Python does", async () => {
    const encoder = await fixtureEncoder(name, { maxTokens: golden.maxTokens });
    for (const { query, document, inputIds, tokenTypeIds, removed } of golden.pairs) {
      const encoded = await (await encoder.forQuery(query))(document);
      expect([...encoded.ids]).toEqual(inputIds);
      if (tokenTypeIds !== null) expect([...encoded.typeIds]).toEqual(tokenTypeIds);
      expect(encoded.removed).toEqual(removed);
    }
  });
});

/** Words are their own ids: enough to see what is cut, and how often a text is read. */
function wordTokenizer(): Tokenizer & { readonly texts: string[] } {
  const texts: string[] = [];
  const encode = (text: string) => {
    texts.push(text);
    return text.split(/\s+/).filter(Boolean).map(Number);
  };
  return { texts, encode, tokenToId: () => undefined };
}

const bert = readTemplates({ type: "BertProcessing", sep: ["[SEP]", 900], cls: ["[CLS]", 901] });
const numbers = (count: number, from: number) => Array.from({ length: count }, (_, i) => from + i).join(" ");

describe("PairEncoder", () => {
  it("reads the query once for any number of documents", async () => {
    const tokenizer = wordTokenizer();
    const encode = await new PairEncoder(tokenizer, bert, { maxTokens: 9 }).forQuery("1 2");
    await Promise.all(["3", "4", "5"].map(encode));
    expect(tokenizer.texts).toEqual(["1 2", "3", "4", "5"]);
  });

  it("cuts the other end for a model that was trained so", async () => {
    const encoder = new PairEncoder(wordTokenizer(), bert, { maxTokens: 9, truncationSide: "left" });
    const encoded = await (await encoder.forQuery("1 2"))(numbers(6, 10));
    expect([...encoded.ids]).toEqual([901, 1, 2, 900, 12, 13, 14, 15, 900]);
  });

  it("cuts only the document when asked", async () => {
    const encoder = new PairEncoder(wordTokenizer(), bert, { maxTokens: 9, strategy: "only_second" });
    const encoded = await (await encoder.forQuery("1 2 3 4 5"))(numbers(6, 10));
    expect([...encoded.ids]).toEqual([901, 1, 2, 3, 4, 5, 900, 10, 900]);
    expect(encoded.removed).toEqual({ query: 0, document: 5 });
  });

  it("tells of a text that it did not read to its end", async () => {
    const encoder = new PairEncoder(wordTokenizer(), bert, { maxTokens: 9 });
    const encoded = await (await encoder.forQuery("1 2"))(`3${" ".repeat(1_000_000)}4`);
    expect([...encoded.ids]).toEqual([901, 1, 2, 900, 3, 900]);
    expect(encoded.removed).toEqual({ query: 0, document: 1 });
  });

  it("encodes a text alone", async () => {
    const encoder = new PairEncoder(wordTokenizer(), bert, { maxTokens: 5 });
    expect([...(await encoder.encodeText(numbers(8, 1))).ids]).toEqual([901, 1, 2, 3, 900]);
  });

  it("cuts a query that is longer than a very long document reads", async () => {
    const tokenizer = wordTokenizer();
    const encoder = new PairEncoder(tokenizer, bert, { maxTokens: 14 });
    const encoded = await (await encoder.forQuery(numbers(40, 1)))(numbers(30_000, 100));
    // Eleven tokens of room: the document is the longer one and gets the odd one.
    expect([...encoded.ids]).toEqual([901, 1, 2, 3, 4, 5, 900, 100, 101, 102, 103, 104, 105, 900]);
    expect(encoded.removed.query).toBe(35);
    expect(encoded.removed.document).toBeGreaterThan(100);
  });

  it("counts what stands before the document and is the same for every document of a query", async () => {
    const prefixOf = async (query: string, document: string, options: Omit<PairEncoderOptions, "maxTokens"> = {}) => {
      const encoder = new PairEncoder(wordTokenizer(), bert, { maxTokens: 21, ...options });
      return (await (await encoder.forQuery(query))(document)).prefixTokens;
    };
    const documents = ["20", "", numbers(30, 20)];
    for (const document of documents) expect(await prefixOf(numbers(8, 1), document)).toBe(10);
    // Too short to be read apart.
    expect(await prefixOf(numbers(5, 1), "20")).toBe(0);
    // As many tokens of the query as the document leaves, or always as many.
    expect(await prefixOf(numbers(30, 1), numbers(30, 20))).toBe(0);
    for (const document of documents) {
      expect(await prefixOf(numbers(30, 1), document, { strategy: "only_second" })).toBe(20);
    }
  });
});
