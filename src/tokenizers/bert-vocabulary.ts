import { PgVectorDBError } from "../errors.ts";
import { type AddedToken, withSpecial } from "./added-tokens.ts";
import type { SpecialTokens } from "./special-tokens.ts";

const WORD_CHARACTERS = 100;

/**
 * The contents of the `tokenizer.json` that Python's BertTokenizer makes of a `vocab.txt`: one token a line, numbered
 * from 0, for text in lower case.
 *
 * @throws PgVectorDBError `model_invalid` when the vocabulary lacks a special token
 */
export function bertTokenizerFile(
  vocabulary: string,
  special: SpecialTokens,
  added: readonly AddedToken[] = [],
): Record<string, unknown> {
  const lines = vocabulary.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const ids = new Map(lines.map((line, id) => [line.trimEnd(), id]));
  const idOf = (token: string): number => {
    const id = ids.get(token);
    if (id !== undefined) return id;
    throw new PgVectorDBError(
      "model_invalid",
      `The model's vocab.txt has no token ${JSON.stringify(token).slice(0, 60)}, which its tokenizer needs. ` +
        "Choose a model that has a tokenizer.json.",
    );
  };
  const { unknown, start, separator } = special;
  const piece = (id: string, typeId: number) => ({ SpecialToken: { id, type_id: typeId } });
  const single = [piece(start, 0), { Sequence: { id: "A", type_id: 0 } }, piece(separator, 0)];
  return {
    added_tokens: withSpecial(special, added, idOf),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single,
      pair: [...single, { Sequence: { id: "B", type_id: 1 } }, piece(separator, 1)],
      special_tokens: Object.fromEntries(
        [start, separator].map((token) => [token, { id: token, ids: [idOf(token)], tokens: [token] }]),
      ),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: unknown,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: WORD_CHARACTERS,
      vocab: Object.fromEntries(ids),
    },
  };
}
