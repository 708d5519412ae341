import type { SpecialTokens } from "./special-tokens.ts";

type Json = Readonly<Record<string, unknown>>;

/** A token that is found in a text before its words are, as tokenizer.json writes it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

/** The special tokens of a vocabulary, and those that were added to it. */
export function withSpecial(
  special: SpecialTokens,
  added: readonly AddedToken[],
  idOf: (token: string) => number,
): AddedToken[] {
  const named = new Set(Object.values(special) as string[]);
  const known = [...named].map((content) => specialToken(idOf(content), content));
  return [...known, ...added.filter(({ content }) => !named.has(content))];
}

function specialToken(id: number, content: string): AddedToken {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

/**
 * The tokens that older repositories keep outside of their vocabulary, in the order of their ids.
 *
 * @param ids added_tokens.json: ids by token
 * @param decoder `added_tokens_decoder` of tokenizer_config.json: tokens with their flags by id
 */
export function readAddedTokens(ids: Json, decoder: unknown): AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  for (const [content, id] of Object.entries(ids)) {
    if (isId(id)) tokens.set(content, { ...specialToken(id, content), normalized: true, special: false });
  }
  for (const [key, entry] of Object.entries(asObject(decoder))) {
    const { content, ...flags } = asObject(entry);
    const id = Number(key);
    if (typeof content !== "string" || !isId(id)) continue;
    const isTrue = (flag: string, fallback = false) =>
      typeof flags[flag] === "boolean" ? (flags[flag] as boolean) : fallback;
    const special = isTrue("special");
    tokens.set(content, {
      id,
      content,
      single_word: isTrue("single_word"),
      lstrip: isTrue("lstrip"),
      rstrip: isTrue("rstrip"),
      normalized: isTrue("normalized", !special),
      special,
    });
  }
  return [...tokens.values()].sort((a, b) => a.id - b.id);
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}
