import type { Tokenizer } from "./tokenizer.ts";
import { readBlueprint, type WordPieceBlueprint } from "./wordpiece-blueprint.ts";
import { WordCache } from "./wordpiece-cache.ts";
import { CONTROL, characterFlags, PUNCTUATION_MARK, SPACE } from "./wordpiece-characters.ts";
import { normalizeText, safeCut } from "./wordpiece-normalizer.ts";
import { WordPieceVocabulary } from "./wordpiece-vocabulary.ts";

/** Text with other than ASCII letters is normalised in parts of about this many characters, to bound work and memory. */
const PART_LENGTH = 2048;
/** Longer stretches are rarely seen twice. */
const CACHED_LENGTH = 48;

const ASCII_WORD = 0;
const ASCII_SPACE = 1;
const ASCII_PUNCTUATION = 2;
const OTHER = 3;

/** Where a scan of one text stands. */
interface Scan {
  readonly text: string;
  position: number;
  /** Normalised start of a word that goes on past `position`. */
  word: string;
}

/**
 * BERT WordPiece: the same ids as Python `tokenizers`, proven on fuzzed Unicode and on every code point.
 *
 * Words seen before come from a cache, and ASCII words skip normalisation.
 */
export class WordPieceTokenizer implements Tokenizer {
  readonly #blueprint: WordPieceBlueprint;
  readonly #vocabulary: WordPieceVocabulary;
  readonly #addedToken: RegExp | undefined;
  readonly #asciiKinds: Uint8Array;
  readonly #cache = new WordCache();

  private constructor(blueprint: WordPieceBlueprint) {
    this.#blueprint = blueprint;
    this.#vocabulary = new WordPieceVocabulary(blueprint);
    this.#addedToken = addedTokenPattern([...blueprint.addedTokens.keys()]);
    this.#asciiKinds = asciiKinds(blueprint.rules.cleanText);
  }

  /**
   * Makes a tokenizer from a parsed `tokenizer.json`.
   *
   * @returns undefined when the file asks for something this class does not do exactly: use the native tokenizer then
   */
  static fromJson(json: unknown): WordPieceTokenizer | undefined {
    const blueprint = readBlueprint(json);
    return blueprint && new WordPieceTokenizer(blueprint);
  }

  /** One more than the highest id that `encode` gives. */
  get idCount(): number {
    let highest = -1;
    for (const id of this.#blueprint.vocabulary.values()) highest = Math.max(highest, id);
    for (const id of this.#blueprint.addedTokens.values()) highest = Math.max(highest, id);
    return highest + 1;
  }

  tokenToId(token: string): number | undefined {
    return this.#blueprint.addedTokens.get(token) ?? this.#blueprint.vocabulary.get(token);
  }

  /** The ids of `text` without special tokens. Special tokens spelled out in the text are found, as the reference does. */
  encode(text: string): number[] {
    const ids: number[] = [];
    const wellFormed = text.toWellFormed();
    const parts = this.#hasAddedToken(wellFormed) ? this.#splitAddedTokens(wellFormed) : [wellFormed];
    for (const part of parts) {
      if (typeof part === "number") ids.push(part);
      else this.#scan({ text: part, position: 0, word: "" }, part.length, ids);
    }
    return ids;
  }

  /**
   * The same ids a slice at a time, for a text so long that the caller wants to stop or pause on the way.
   * The yielded array is used again for the next slice.
   *
   * @param sliceLength about how many characters of the text a slice takes
   */
  *encodeSlices(text: string, sliceLength: number): Generator<readonly number[]> {
    const wellFormed = text.toWellFormed();
    if (wellFormed.length <= sliceLength) {
      yield this.encode(wellFormed);
      return;
    }
    const ids: number[] = [];
    for (const part of this.#splitAddedTokens(wellFormed)) {
      if (typeof part === "number") {
        if (ids.push(part) < sliceLength) continue;
        yield ids;
        ids.length = 0;
        continue;
      }
      const scan: Scan = { text: part, position: 0, word: "" };
      while (scan.position < part.length) {
        this.#scan(scan, Math.min(part.length, scan.position + sliceLength), ids);
        yield ids;
        ids.length = 0;
      }
    }
    if (ids.length > 0) yield ids;
  }

  #hasAddedToken(text: string): boolean {
    return this.#addedToken !== undefined && text.search(this.#addedToken) >= 0;
  }

  /** The text between added tokens, and the ids of those. */
  *#splitAddedTokens(text: string): Generator<string | number> {
    let end = 0;
    for (const match of this.#addedToken === undefined ? [] : text.matchAll(this.#addedToken)) {
      yield text.slice(end, match.index);
      yield this.#blueprint.addedTokens.get(match[0]) as number;
      end = match.index + match[0].length;
    }
    yield text.slice(end);
  }

  /** Reads on from `scan.position` until it is at or past `until`; a word that the end of the text ends is added. */
  #scan(scan: Scan, until: number, ids: number[]): void {
    const { text } = scan;
    const kinds = this.#asciiKinds;
    let position = scan.position;
    while (position < until) {
      const kind = scan.word === "" ? kindAt(kinds, text, position) : OTHER;
      if (kind === ASCII_SPACE) {
        position++;
        continue;
      }
      const end = kind === ASCII_WORD ? this.#endOfAsciiWord(text, position) : position + 1;
      if (kind === OTHER || end === undefined) {
        scan.position = position;
        this.#scanUnicode(scan, ids);
        position = scan.position;
      } else {
        this.#encodeStretch(text.slice(position, end), true, ids);
        position = end;
      }
    }
    scan.position = position;
    if (position >= text.length) this.#endWord(scan, ids);
  }

  /** Undefined when the word is long or goes on with a character that is not ASCII. */
  #endOfAsciiWord(text: string, start: number): number | undefined {
    const limit = Math.min(text.length, start + CACHED_LENGTH);
    for (let end = start + 1; end < limit; end++) {
      const kind = kindAt(this.#asciiKinds, text, end);
      if (kind !== ASCII_WORD) return kind === OTHER ? undefined : end;
    }
    return limit === text.length ? limit : undefined;
  }

  /** Reads up to the next ASCII space or punctuation, or a part of it when that is far away. */
  #scanUnicode(scan: Scan, ids: number[]): void {
    const { text, position } = scan;
    const limit = Math.min(text.length, position + PART_LENGTH);
    let end = position;
    while (end < limit && !isBoundary(kindAt(this.#asciiKinds, text, end))) end++;
    if (scan.word === "" && end - position <= CACHED_LENGTH) {
      this.#encodeStretch(text.slice(position, end), false, ids);
      scan.position = end;
      return;
    }
    if (end === limit) end = safeCut(text, end);
    scan.word = this.#encodeWords(scan.word, text.slice(position, end), ids);
    scan.position = end;
    if (isBoundary(kindAt(this.#asciiKinds, text, end))) this.#endWord(scan, ids);
  }

  /** Adds the ids of text that starts and ends where words do; `isAsciiWord` when it is one word or one punctuation mark. */
  #encodeStretch(stretch: string, isAsciiWord: boolean, ids: number[]): void {
    let stretchIds = this.#cache.get(stretch);
    if (stretchIds === undefined) {
      const fresh: number[] = [];
      const rest = isAsciiWord ? this.#toLowerAscii(stretch) : this.#encodeWords("", stretch, fresh);
      if (rest !== "") this.#vocabulary.encodeWord(rest, fresh);
      this.#cache.set(stretch, fresh);
      stretchIds = fresh;
    }
    for (let index = 0; index < stretchIds.length; index++) ids.push(stretchIds[index] as number);
  }

  #toLowerAscii(word: string): string {
    return this.#blueprint.rules.lowercase ? word.toLowerCase() : word;
  }

  /** Adds the ids of the words that end in `text`, and returns the one that may go on. */
  #encodeWords(start: string, text: string, ids: number[]): string {
    const flags = characterFlags();
    let word = start;
    for (const character of normalizeText(text, this.#blueprint.rules)) {
      const flag = flags[character.codePointAt(0) as number] as number;
      if (!(flag & (SPACE | PUNCTUATION_MARK))) {
        // Past the limit the word is unknown, whatever follows.
        if (word.length <= 2 * this.#blueprint.maxWordCharacters) word += character;
        continue;
      }
      if (word !== "") this.#vocabulary.encodeWord(word, ids);
      word = "";
      if (flag & PUNCTUATION_MARK) this.#vocabulary.encodeWord(character, ids);
    }
    return word;
  }

  #endWord(scan: Scan, ids: number[]): void {
    if (scan.word !== "") this.#vocabulary.encodeWord(scan.word, ids);
    scan.word = "";
  }
}

function kindAt(kinds: Uint8Array, text: string, position: number): number {
  const unit = text.charCodeAt(position);
  return unit < 128 ? (kinds[unit] as number) : OTHER;
}

function isBoundary(kind: number): boolean {
  return kind === ASCII_SPACE || kind === ASCII_PUNCTUATION;
}

function asciiKinds(cleanText: boolean): Uint8Array {
  const flags = characterFlags();
  return Uint8Array.from({ length: 128 }, (_, code) => {
    const flag = flags[code] as number;
    if (cleanText && flag & CONTROL) return OTHER;
    if (flag & SPACE) return ASCII_SPACE;
    return flag & PUNCTUATION_MARK ? ASCII_PUNCTUATION : ASCII_WORD;
  });
}

/** Matches the leftmost added token, the longest of those that start there. */
function addedTokenPattern(tokens: readonly string[]): RegExp | undefined {
  if (tokens.length === 0) return undefined;
  const longestFirst = [...tokens].sort((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|"), "gu");
}
