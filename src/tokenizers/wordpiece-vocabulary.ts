import type { WordPieceBlueprint } from "./wordpiece-blueprint.ts";

/** The pieces of a WordPiece model, and the greedy longest match over them. */
export class WordPieceVocabulary {
  /** Pieces that start a word. */
  readonly #starts: ReadonlyMap<string, number>;
  /** Pieces that continue one, without their prefix. */
  readonly #continuations: ReadonlyMap<string, number>;
  readonly #unknownId: number;
  readonly #maxCharacters: number;
  readonly #longestPiece: number;

  constructor({ vocabulary, unknownToken, continuingPrefix, maxWordCharacters }: WordPieceBlueprint) {
    const continuations = new Map<string, number>();
    let longest = 1;
    for (const [piece, id] of vocabulary) {
      longest = Math.max(longest, piece.length);
      if (piece.startsWith(continuingPrefix)) continuations.set(piece.slice(continuingPrefix.length), id);
    }
    this.#starts = vocabulary;
    this.#continuations = continuations;
    this.#unknownId = vocabulary.get(unknownToken) as number;
    this.#maxCharacters = maxWordCharacters;
    this.#longestPiece = longest;
  }

  /** Adds the ids of one normalised word: its pieces, or the unknown token when it is too long or a part matches nothing. */
  encodeWord(word: string, ids: number[]): void {
    const before = ids.length;
    if (!this.#isTooLong(word) && this.#addPieces(word, ids)) return;
    ids.length = before;
    ids.push(this.#unknownId);
  }

  #isTooLong(word: string): boolean {
    if (word.length <= this.#maxCharacters) return false;
    return word.length > 2 * this.#maxCharacters || [...word].length > this.#maxCharacters;
  }

  #addPieces(word: string, ids: number[]): boolean {
    let pieces = this.#starts;
    let start = 0;
    while (start < word.length) {
      let end = Math.min(word.length, start + this.#longestPiece);
      let id: number | undefined;
      for (; end > start; end--) {
        id = pieces.get(word.slice(start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return false;
      ids.push(id);
      start = end;
      pieces = this.#continuations;
    }
    return true;
  }
}
