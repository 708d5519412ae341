import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadTokenizer } from "./load-tokenizer.ts";
import { robertaTokenizerFile } from "./roberta-vocabulary.ts";
import { ROBERTA_SPECIAL_TOKENS } from "./special-tokens.ts";

/** `make-roberta-vocabulary.py` wrote it. */
interface RobertaVocabulary {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: string;
  readonly cases: readonly { readonly text: string; readonly ids: readonly number[] }[];
  readonly pair: { readonly texts: readonly [string, string]; readonly ids: readonly number[] };
}

const FIXTURE = join(import.meta.dirname, "../../test/fixtures/roberta-vocabulary.json");
const { vocab, merges, cases, pair } = JSON.parse(readFileSync(FIXTURE, "utf8")) as RobertaVocabulary;

describe("a tokenizer of vocab.json and merges.txt", () => {
  it("gives the ids of Python's RobertaTokenizer, whatever ends the lines", async () => {
    for (const lines of [merges, merges.replaceAll("\n", "\r\n")]) {
      const file = robertaTokenizerFile(JSON.stringify(vocab), lines, ROBERTA_SPECIAL_TOKENS);
      const tokenizer = await loadTokenizer(JSON.stringify(file));
      for (const { text, ids } of cases) expect(await tokenizer.encode(text), text).toEqual(ids);
      const [a, b] = await Promise.all(pair.texts.map((text) => tokenizer.encode(text)));
      const { cls, sep } = file["post_processor"] as { cls: [string, number]; sep: [string, number] };
      expect([cls[1], ...(a ?? []), sep[1], sep[1], ...(b ?? []), sep[1]]).toEqual(pair.ids);
    }
  });

  it.each(["#version: 0.2\nB\n", "B e r\n", "B \u0120\n", "B  e\n"])("is refused with the merges %j", (lines) => {
    expect(() => robertaTokenizerFile(JSON.stringify(vocab), lines, ROBERTA_SPECIAL_TOKENS)).toThrow(
      expect.objectContaining({ code: "model_invalid", message: expect.stringMatching(/merges\.txt/) }),
    );
  });

  it("is refused without a special token, and when it is no vocabulary", () => {
    const { "<s>": start, ...rest } = vocab;
    expect(start).toBe(0);
    for (const [text, message] of [
      [JSON.stringify(rest), /vocab\.json has no token "<s>"/],
      ["[", /not a JSON object/],
      ["null", /not a JSON object/],
    ] as const) {
      expect(() => robertaTokenizerFile(text, merges, ROBERTA_SPECIAL_TOKENS)).toThrow(
        expect.objectContaining({ code: "model_invalid", message: expect.stringMatching(message) }),
      );
    }
  });
});
