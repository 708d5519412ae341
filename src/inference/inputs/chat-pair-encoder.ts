import { PgVectorDBError } from "../../errors.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { fillPrompt, type PromptPiece } from "../repository/prompt-pieces.ts";
import { countPrefix } from "./count-prefix.ts";
import { encodePrefix } from "./encode-prefix.ts";
import type { DocumentEncoder, DocumentSplitter, EncodedPair, QueryEncoder } from "./pair-encoder.ts";
import { splitWindows, windowSize } from "./split-windows.ts";

/** Tokens that a window can gain where it meets the prompt. */
const SEAM_TOKENS = 2;

/** Documents whose first characters share a token with what stands before them in different ways: words, digits, signs, lines, nothing. */
const OPENINGS = ["word", "0", "(", "\n", ""];

/** What a query makes of the prompt. */
interface PromptAround {
  /** The whole prompt. */
  fill(document: string): string;
  /** Tokens before the document. */
  readonly before: number;
  /** Those of them that no document is likely to change. */
  readonly prefix: readonly number[];
  /** The tokens after the document that are the same for every document. */
  readonly suffix: readonly number[];
}

/**
 * Lays pairs out by a chat template. A prompt is tokenised as one text, as sentence-transformers does it, so that words of the
 * prompt and of the document can share a token. One that is too long is cut before the suffix, which takes its last places.
 */
export class ChatPairEncoder implements QueryEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #pieces: readonly PromptPiece[];
  readonly #maxTokens: number;
  readonly pairRoom: number;

  static async create(
    tokenizer: Tokenizer,
    pieces: readonly PromptPiece[],
    maxTokens: number,
  ): Promise<ChatPairEncoder> {
    const empty = await tokenizer.encode(fillPrompt(pieces, "", ""));
    return new ChatPairEncoder(tokenizer, pieces, maxTokens, maxTokens - empty.length);
  }

  private constructor(tokenizer: Tokenizer, pieces: readonly PromptPiece[], maxTokens: number, pairRoom: number) {
    this.#tokenizer = tokenizer;
    this.#pieces = pieces;
    this.#maxTokens = maxTokens;
    this.pairRoom = pairRoom;
  }

  async forQuery(query: string): Promise<DocumentEncoder> {
    const { fill, before, prefix, suffix } = await this.#around(query);
    const room = this.#maxTokens;
    const inputOf = inputsBehind(prefix.slice(0, room - suffix.length));
    return async (document) => {
      const { ids, complete } = await encodePrefix(this.#tokenizer, fill(document), room);
      if (complete && ids.length <= room) return inputOf(ids, { query: 0, document: 0 });
      const removed = Math.max(1, ids.length - room);
      // Of a query that fills the prompt alone, the end is cut as well.
      const query = Math.max(0, before + suffix.length - room);
      const kept = [...ids.slice(0, room - suffix.length), ...suffix];
      return inputOf(kept, { query: Math.min(query, removed), document: Math.max(0, removed - query) });
    };
  }

  async windowsFor(query: string, overlap: number | undefined): Promise<DocumentSplitter> {
    const { fill, before, suffix } = await this.#around(query);
    const room = this.#maxTokens;
    const size = windowSize(room - before - suffix.length - SEAM_TOKENS, overlap);
    const tokenizer = this.#tokenizer;
    return async function* (document) {
      const { ids, complete } = await encodePrefix(tokenizer, fill(document), room);
      if (complete && ids.length <= room) return [{ start: 0, end: document.length }];
      return yield* splitWindows(tokenizer, document, size);
    };
  }

  /** Two documents of which no token is the same show what is the prompt's, as sentence-transformers finds it. */
  async #around(query: string): Promise<PromptAround> {
    const fill = (document: string) => fillPrompt(this.#pieces, query, document);
    const [one, other] = [await this.#tokenizer.encode(fill("0")), await this.#tokenizer.encode(fill("1 2 3 4"))];
    const before = one.findIndex((id, index) => id !== other[index]);
    const after = one.findLastIndex((id, index) => id !== other[index - one.length + other.length]);
    const suffix = one.slice(after + 1);
    const kinds = this.#pieces.map(({ kind }) => kind);
    const queryIsLast = kinds.lastIndexOf("query") > kinds.indexOf("document");
    if (queryIsLast && before + suffix.length >= this.#maxTokens) throw queryTooLong();
    const openings = await Promise.all(
      OPENINGS.map((opening) => encodePrefix(this.#tokenizer, fill(opening), this.#maxTokens)),
    );
    const prefix = one.slice(0, Math.min(before, ...openings.map(({ ids }) => countCommon(one, ids))));
    return { fill, before, prefix, suffix };
  }
}

/** Compared id by id, since a document may change a token before it; such a prompt is read as a whole. */
function inputsBehind(prefix: readonly number[]) {
  return (ids: readonly number[], removed: EncodedPair["removed"]): EncodedPair => {
    const prefixTokens = countCommon(prefix, ids) === prefix.length ? countPrefix(prefix.length, ids.length) : 0;
    return { ids: Int32Array.from(ids), typeIds: new Uint8Array(ids.length), prefixTokens, removed };
  };
}

/** How many tokens two prompts begin with alike. */
function countCommon(one: readonly number[], other: readonly number[]): number {
  const end = one.findIndex((id, index) => id !== other[index]);
  return end < 0 ? one.length : end;
}

function queryTooLong(): PgVectorDBError {
  return new PgVectorDBError(
    "invalid_argument",
    "The query leaves no room for a document in the model's prompt, which puts it after the document. Shorten it, or raise `maxLength`.",
  );
}
