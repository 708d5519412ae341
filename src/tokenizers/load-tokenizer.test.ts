import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { loadTokenizer } from "./load-tokenizer.ts";
import { loadNativeTokenizer } from "./native-tokenizer.ts";
import { WordPieceTokenizer } from "./wordpiece-tokenizer.ts";

const JSON_FILE = "test/fixtures/static-model/tokenizer.json";

it("reads WordPiece itself, with the native tokenizer's ids", async () => {
  const json = await readFile(JSON_FILE, "utf8");
  const [own, native] = [await loadTokenizer(json), await loadNativeTokenizer(json)];
  expect(own).toBeInstanceOf(WordPieceTokenizer);
  const text = "Best noise-cancelling headphones, $200. [SEP] CAFÉ 漢字";
  expect(await own.encode(text)).toEqual([...(await native.encode(text))]);
  expect(own.tokenToId("##phone")).toBe(native.tokenToId("##phone"));
});

it("leaves what it does not do exactly to the native tokenizer", async () => {
  const blueprint = JSON.parse(await readFile(JSON_FILE, "utf8"));
  const tokenizer = await loadTokenizer(JSON.stringify({ ...blueprint, normalizer: { type: "NFC" } }));
  expect(tokenizer).not.toBeInstanceOf(WordPieceTokenizer);
  // Not lower-cased any more: the vocabulary has no "Best".
  expect(await tokenizer.encode("Best")).toEqual([tokenizer.tokenToId("[UNK]")]);
});

it("refuses what is not a tokenizer", async () => {
  await expect(loadTokenizer("{")).rejects.toMatchObject({ code: "model_invalid" });
});
