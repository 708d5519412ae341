import type { Tokenizer } from "../../tokenizers/tokenizer.ts";

/** Tokens at one end of a text. `complete` tells whether they are all of it. */
export interface PartialTokens {
  readonly ids: readonly number[];
  readonly complete: boolean;
}

/** Generous for every script: English has about five characters to a token, Chinese one and a half. */
const CHARACTERS_PER_TOKEN = 16;
/** A text with longer "tokens" than this is white space or noise, of which no more is read. */
const MOST_CHARACTERS_PER_TOKEN = 256;
/** Tokens beside the cut that a longer text could still change; they are encoded, and not counted on. */
const MARGIN_TOKENS = 128;
/** How far back the cut looks for white space. Past it the last word is one no tokenizer knows, however long it is. */
const WORD_CHARACTERS = 1000;

/**
 * Encodes the first `needed` tokens of `text`, and some more, without reading megabytes that will be cut anyway.
 *
 * Tokenizers look at words (or, where a script has no spaces, at neighbours), so a cut before white space changes no
 * token before it. The prefix doubles until it gives enough tokens; it stops at 256 characters for each, where a text is
 * white space or one word without end.
 */
export async function encodePrefix(tokenizer: Tokenizer, text: string, needed: number): Promise<PartialTokens> {
  return encodePart(tokenizer, text, needed, (characters) => text.slice(0, cutPosition(text, characters)));
}

/** The same for the last `needed` tokens, of models that are cut at the start. */
export async function encodeSuffix(tokenizer: Tokenizer, text: string, needed: number): Promise<PartialTokens> {
  return encodePart(tokenizer, text, needed, (characters) => text.slice(startPosition(text, text.length - characters)));
}

async function encodePart(
  tokenizer: Tokenizer,
  text: string,
  needed: number,
  part: (characters: number) => string,
): Promise<PartialTokens> {
  const enough = needed + MARGIN_TOKENS;
  const most = enough * MOST_CHARACTERS_PER_TOKEN;
  for (let characters = enough * CHARACTERS_PER_TOKEN; characters < text.length; characters *= 2) {
    const ids = await tokenizer.encode(part(characters));
    if (ids.length >= enough || characters >= most) return { ids, complete: false };
  }
  return { ids: await tokenizer.encode(text), complete: true };
}

/** The last start of white space before `limit`, or `limit` itself, never inside a surrogate pair. */
function cutPosition(text: string, limit: number): number {
  const start = Math.max(0, limit - WORD_CHARACTERS);
  const space = text.slice(start, limit).search(/\s+\S*$/u);
  if (space > 0) return start + space;
  const code = text.charCodeAt(limit - 1);
  return code >= 0xd800 && code <= 0xdbff ? limit - 1 : limit;
}

/** The first white space from `limit` on, or `limit` itself, never inside a surrogate pair. */
function startPosition(text: string, limit: number): number {
  const space = text.slice(limit, limit + WORD_CHARACTERS).search(/\s/u);
  if (space >= 0) return limit + space;
  const code = text.charCodeAt(limit);
  return code >= 0xdc00 && code <= 0xdfff ? limit + 1 : limit;
}
