import { PgVectorDBError } from "../../errors.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { fillPrompt, type PromptPiece } from "../repository/prompt-pieces.ts";
import { encodePrefix } from "./encode-prefix.ts";
import type { DocumentEncoder, DocumentSplitter, QueryEncoder } from "./pair-encoder.ts";
import { splitWindows, windowSize } from "./split-windows.ts";

/** Tokens that a window can gain where it meets the prompt. */
const SEAM_TOKENS = 2;

/** What a query makes of the prompt. */
interface PromptAround {
  /** The whole prompt. */
  fill(document: string): string;
  /** Tokens before the document. */
  readonly before: number;
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
    const { fill, before, suffix } = await this.#around(query);
    const room = this.#maxTokens;
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
    return { fill, before, suffix };
  }
}

function inputOf(ids: readonly number[], removed: { readonly query: number; readonly document: number }) {
  return { ids: Int32Array.from(ids), typeIds: new Uint8Array(ids.length), removed };
}

function queryTooLong(): PgVectorDBError {
  return new PgVectorDBError(
    "invalid_argument",
    "The query leaves no room for a document in the model's prompt, which puts it after the document. Shorten it, or raise `maxLength`.",
  );
}
