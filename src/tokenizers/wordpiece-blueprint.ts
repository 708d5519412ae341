import type { WordPieceRules } from "./wordpiece-normalizer.ts";

/** What a `tokenizer.json` says, as far as ids go. */
export interface WordPieceBlueprint {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly unknownToken: string;
  readonly continuingPrefix: string;
  readonly maxWordCharacters: number;
  readonly rules: WordPieceRules;
  /** Tokens that are found in the raw text before anything else, by spelling. */
  readonly addedTokens: ReadonlyMap<string, number>;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a parsed `tokenizer.json`.
 *
 * Settings for truncation, padding and special tokens do not matter here: `encode` gives the ids of a text alone.
 *
 * @returns undefined when it is not a BERT WordPiece tokenizer, or has a setting that we do not implement exactly
 */
export function readBlueprint(json: unknown): WordPieceBlueprint | undefined {
  const { model, normalizer, pre_tokenizer: splitter, added_tokens: added = [] } = fieldsOf(json);
  if (fieldsOf(splitter)["type"] !== "BertPreTokenizer") return undefined;
  const rules = readRules(fieldsOf(normalizer));
  const pieces = readModel(fieldsOf(model));
  if (rules === undefined || pieces === undefined) return undefined;
  const addedTokens = readAddedTokens(added, pieces.vocabulary);
  return addedTokens === undefined ? undefined : { ...pieces, rules, addedTokens };
}

function readRules(normalizer: Fields): WordPieceRules | undefined {
  const { type, clean_text: clean, handle_chinese_chars: ideographs, strip_accents: strip, lowercase } = normalizer;
  if (type !== "BertNormalizer") return undefined;
  if (typeof clean !== "boolean" || typeof ideographs !== "boolean" || typeof lowercase !== "boolean") return undefined;
  if (strip !== null && strip !== undefined && typeof strip !== "boolean") return undefined;
  return { cleanText: clean, separateIdeographs: ideographs, stripAccents: strip ?? lowercase, lowercase };
}

function readModel(model: Fields): Omit<WordPieceBlueprint, "rules" | "addedTokens"> | undefined {
  const { type, vocab, unk_token: unknownToken } = model;
  const { continuing_subword_prefix: continuingPrefix, max_input_chars_per_word: maxWordCharacters } = model;
  if (type !== "WordPiece" || typeof vocab !== "object" || vocab === null) return undefined;
  if (typeof unknownToken !== "string" || typeof continuingPrefix !== "string") return undefined;
  if (!isTokenId(maxWordCharacters)) return undefined;
  const vocabulary = new Map<string, number>();
  for (const [token, id] of Object.entries(vocab)) {
    if (!isTokenId(id)) return undefined;
    vocabulary.set(token, id);
  }
  if (!vocabulary.has(unknownToken)) return undefined;
  return { vocabulary, unknownToken, continuingPrefix, maxWordCharacters };
}

function readAddedTokens(added: unknown, vocabulary: ReadonlyMap<string, number>): Map<string, number> | undefined {
  if (!Array.isArray(added)) return undefined;
  const tokens = new Map<string, number>();
  for (const token of added) {
    const { content, id, single_word: singleWord, normalized } = fieldsOf(token);
    if (typeof content !== "string" || content === "" || content.trim() !== content) return undefined;
    // Space beside a token gives no id, so `lstrip` and `rstrip` change nothing; these two would.
    if (singleWord !== false || normalized !== false) return undefined;
    // The reference numbers by the vocabulary; where the file says otherwise it is not ours to guess.
    if (!isTokenId(id) || (vocabulary.get(content) ?? id) !== id) return undefined;
    if (!vocabulary.has(content) && id !== vocabulary.size + tokensBeyond(tokens, vocabulary)) return undefined;
    if (tokens.has(content)) return undefined;
    tokens.set(content, id);
  }
  return tokens;
}

function tokensBeyond(tokens: ReadonlyMap<string, number>, vocabulary: ReadonlyMap<string, number>): number {
  return [...tokens.keys()].filter((content) => !vocabulary.has(content)).length;
}

function isTokenId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}
