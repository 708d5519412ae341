import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bertTokenizerFile } from "./bert-vocabulary.ts";
import { BERT_SPECIAL_TOKENS } from "./special-tokens.ts";

const FIXTURE = join(import.meta.dirname, "../../test/fixtures/models/tiny-bert-blocks/tokenizer.json");

test("a vocabulary becomes the tokenizer.json that Python writes of it", () => {
  const { truncation, padding, version, ...file } = JSON.parse(readFileSync(FIXTURE, "utf8"));
  const { vocab } = file.model as { vocab: Record<string, number> };
  const lines = Object.keys(vocab).sort((a, b) => (vocab[a] as number) - (vocab[b] as number));
  expect(bertTokenizerFile(`${lines.join("\n")}\n`, BERT_SPECIAL_TOKENS)).toEqual(file);
  expect(bertTokenizerFile(lines.join("\r\n"), BERT_SPECIAL_TOKENS)).toEqual(file);
});

test("a token that is written twice has its last number, and any line is a token", () => {
  const { model } = bertTokenizerFile(
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n\n__proto__\n7\na\n",
    BERT_SPECIAL_TOKENS,
  );
  const { vocab } = model as { vocab: Record<string, number> };
  expect(new Map(Object.entries(vocab)).get("__proto__")).toBe(7);
  expect(vocab).toMatchObject({ a: 9, "": 6, "7": 8 });
});

test("a vocabulary without a special token is refused by its name", () => {
  expect(() => bertTokenizerFile("[PAD]\n[UNK]\n[CLS]\n[MASK]\n", BERT_SPECIAL_TOKENS)).toThrow(
    expect.objectContaining({ code: "model_invalid", message: expect.stringMatching(/no token "\[SEP\]"/) }),
  );
});
