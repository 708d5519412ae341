import { expect, test } from "vitest";
import { readAddedTokens, withSpecial } from "./added-tokens.ts";
import { BERT_SPECIAL_TOKENS } from "./special-tokens.ts";

const plain = { single_word: false, lstrip: false, rstrip: false, special: false };

test("tokens of both files, by their ids, flags where they are known", () => {
  const decoder = {
    "9": { content: "b", lstrip: true, normalized: false, special: true },
    "8": { content: "c", single_word: true },
    "7": { content: 3 },
    x: { content: "d" },
  };
  expect(readAddedTokens({ b: 9, a: 10, e: "11", f: -1 }, decoder)).toEqual([
    { ...plain, id: 8, content: "c", single_word: true, normalized: true },
    { ...plain, id: 9, content: "b", lstrip: true, normalized: false, special: true },
    { ...plain, id: 10, content: "a", normalized: true },
  ]);
  expect(readAddedTokens({}, undefined)).toEqual([]);
});

test("a special token is listed once, as the vocabulary numbers it", () => {
  const ids = new Map([...Object.values(BERT_SPECIAL_TOKENS)].map((token, id) => [token, id]));
  const tokens = withSpecial(BERT_SPECIAL_TOKENS, readAddedTokens({ "[SEP]": 70, more: 71 }, null), (token) =>
    Number(ids.get(token)),
  );
  expect(tokens.map(({ content, id }) => [content, id])).toEqual([...ids, ["more", 71]]);
});
