import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { countPrefix } from "./count-prefix.ts";
import { encodePrefix, encodeSuffix, type PartialTokens } from "./encode-prefix.ts";
import { type InputTemplates, specialTokenCount, type TemplatePiece } from "./pair-template.ts";
import { splitWindows, type TextSpan, windowSize } from "./split-windows.ts";
import { type TruncationStrategy, truncatePair } from "./truncate-pair.ts";

/** What a model reads for one text or one pair. */
export interface EncodedInput {
  readonly ids: Int32Array;
  readonly typeIds: Uint8Array;
  /** So many of the first `ids` are read once for all inputs that begin with them, by a model that can. Default: none. */
  readonly prefixTokens?: number | undefined;
}

export interface EncodedPair extends EncodedInput {
  /** Tokens that were cut; at least so many, when the text was so long that it was not read to its end. */
  readonly removed: { readonly query: number; readonly document: number };
}

export interface PairEncoderOptions {
  /** Longest input in tokens, special tokens included. */
  readonly maxTokens: number;
  /** Which end is cut. Default `"right"`. */
  readonly truncationSide?: "left" | "right" | undefined;
  /** Default `"longest_first"`, as sentence-transformers does. */
  readonly strategy?: TruncationStrategy | undefined;
  /** What a prompt puts around each of the two texts, before they are tokenised. Default: nothing. */
  readonly prompt?: PairPrompt | undefined;
  /** Most tokens of the query, whatever room a document leaves. Default: all of them. */
  readonly queryLimit?: number | undefined;
}

export interface PairPrompt {
  query(query: string): string;
  document(document: string): string;
}

const NO_PROMPT: PairPrompt = { query: (query) => query, document: (document) => document };

/** Encodes documents against one query, which is tokenised once. */
export type DocumentEncoder = (document: string) => Promise<EncodedPair>;

/** Cuts documents into windows that are read beside one query, in steps. */
export type DocumentSplitter = (document: string) => AsyncGenerator<undefined, readonly TextSpan[], undefined>;

/** Lays the pairs of one query out. */
export interface QueryEncoder {
  forQuery(query: string): Promise<DocumentEncoder>;
  /**
   * Cuts documents that are too long to be read beside `query` into windows that are not.
   *
   * @param overlap tokens that neighbours share, at most half of a window; `undefined` is a quarter of it
   * @throws PgVectorDBError `invalid_argument` when the query leaves no room for a window
   */
  windowsFor(query: string, overlap: number | undefined): Promise<DocumentSplitter>;
}

/** Lays texts out as the model was trained: cut, and between the special tokens of the tokenizer's post-processor. */
export class PairEncoder implements QueryEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #templates: InputTemplates;
  readonly #options: PairEncoderOptions;
  readonly #prompt: PairPrompt;

  constructor(tokenizer: Tokenizer, templates: InputTemplates, options: PairEncoderOptions) {
    this.#tokenizer = tokenizer;
    this.#templates = templates;
    this.#options = options;
    this.#prompt = options.prompt ?? NO_PROMPT;
  }

  /** Tokens left for the two texts of a pair. */
  get pairRoom(): number {
    return this.#options.maxTokens - specialTokenCount(this.#templates.pair);
  }

  /** Tokens left for a text on its own. */
  get singleRoom(): number {
    return this.#options.maxTokens - specialTokenCount(this.#templates.single);
  }

  async forQuery(query: string): Promise<DocumentEncoder> {
    const room = this.pairRoom;
    const { pair } = this.#templates;
    const document = pair.findIndex((piece) => piece.kind === "text" && piece.side === "B");
    const specialsBefore = specialTokenCount(pair.slice(0, document));
    const { ids: queryIds, limit } = await this.#encodeQuery(query);
    // Which side is the longer decides what is cut, so the document is read as far as the query is long.
    const needed = Math.max(room, limit);
    return async (document) => {
      const { ids: documentIds, complete } = await this.#encode(this.#prompt.document(document), needed);
      const kept = truncatePair(limit, documentIds.length, room, this.#options.strategy);
      const input = assemble(pair, this.#cut(queryIds, kept.query), this.#cut(documentIds, kept.document));
      const cut = documentIds.length - kept.document;
      // A query that is cut as the document's length asks is another for each document.
      const isShared = kept.query === limit || this.#options.strategy === "only_second";
      return {
        ...input,
        prefixTokens: isShared ? countPrefix(specialsBefore + kept.query, input.ids.length) : 0,
        // What was not even read, behind a megabyte of white space, is told as well.
        removed: { query: queryIds.length - kept.query, document: complete ? cut : Math.max(1, cut) },
      };
    };
  }

  async windowsFor(query: string, overlap: number | undefined): Promise<DocumentSplitter> {
    const { limit } = await this.#encodeQuery(query);
    const { document: room } = truncatePair(limit, Number.MAX_SAFE_INTEGER, this.pairRoom, this.#options.strategy);
    const tokenizer = this.#tokenizer;
    const prompt = this.#prompt;
    // What the prompt says before each window takes some of its room.
    const size = windowSize(room - (await tokenizer.encode(prompt.document(""))).length, overlap);
    return async function* (document) {
      const { ids, complete } = await encodePrefix(tokenizer, prompt.document(document), room);
      if (complete && ids.length <= room) return [{ start: 0, end: document.length }];
      return yield* splitWindows(tokenizer, document, size);
    };
  }

  async encodeText(text: string): Promise<EncodedInput> {
    const { ids } = await this.#encode(text, this.singleRoom);
    return assemble(this.#templates.single, this.#cut(ids, this.singleRoom), []);
  }

  /** The query's tokens, and how many of them may be used at all. */
  async #encodeQuery(query: string): Promise<{ readonly ids: readonly number[]; readonly limit: number }> {
    const { ids } = await this.#encode(this.#prompt.query(query), this.pairRoom);
    return { ids, limit: Math.min(ids.length, this.#options.queryLimit ?? ids.length) };
  }

  async #encode(text: string, needed: number): Promise<PartialTokens> {
    const encodePart = this.#options.truncationSide === "left" ? encodeSuffix : encodePrefix;
    return encodePart(this.#tokenizer, text, needed);
  }

  #cut(ids: readonly number[], length: number): readonly number[] {
    if (ids.length <= length) return ids;
    return this.#options.truncationSide === "left" ? ids.slice(ids.length - length) : ids.slice(0, length);
  }
}

function assemble(template: readonly TemplatePiece[], a: readonly number[], b: readonly number[]): EncodedInput {
  const length = specialTokenCount(template) + a.length + b.length;
  const ids = new Int32Array(length);
  const typeIds = new Uint8Array(length);
  let position = 0;
  for (const piece of template) {
    const pieceIds = piece.kind === "special" ? piece.ids : piece.side === "A" ? a : b;
    ids.set(pieceIds, position);
    typeIds.fill(piece.typeId, position, position + pieceIds.length);
    position += pieceIds.length;
  }
  return { ids, typeIds };
}
