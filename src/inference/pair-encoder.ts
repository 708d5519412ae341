import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { encodePrefix } from "./encode-prefix.ts";
import { type InputTemplates, specialTokenCount, type TemplatePiece } from "./pair-template.ts";
import { type TruncationStrategy, truncatePair } from "./truncate-pair.ts";

/** What a model reads for one text or one pair. */
export interface EncodedInput {
  readonly ids: Int32Array;
  readonly typeIds: Uint8Array;
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
}

/** Encodes documents against one query, which is tokenised once. */
export type DocumentEncoder = (document: string) => Promise<EncodedPair>;

/** Lays texts out as the model was trained: cut, and between the special tokens of the tokenizer's post-processor. */
export class PairEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #templates: InputTemplates;
  readonly #options: PairEncoderOptions;

  constructor(tokenizer: Tokenizer, templates: InputTemplates, options: PairEncoderOptions) {
    this.#tokenizer = tokenizer;
    this.#templates = templates;
    this.#options = options;
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
    const queryIds = await this.#encode(query, room);
    // Which side is the longer decides what is cut, so the document is read as far as the query is long.
    const needed = Math.max(room, queryIds.length);
    return async (document) => {
      const documentIds = await this.#encode(document, needed);
      const kept = truncatePair(queryIds.length, documentIds.length, room, this.#options.strategy);
      const input = assemble(
        this.#templates.pair,
        this.#cut(queryIds, kept.query),
        this.#cut(documentIds, kept.document),
      );
      return {
        ...input,
        removed: { query: queryIds.length - kept.query, document: documentIds.length - kept.document },
      };
    };
  }

  async encodeText(text: string): Promise<EncodedInput> {
    const ids = await this.#encode(text, this.singleRoom);
    return assemble(this.#templates.single, this.#cut(ids, this.singleRoom), []);
  }

  async #encode(text: string, needed: number): Promise<readonly number[]> {
    if (this.#options.truncationSide === "left") return this.#tokenizer.encode(text);
    return (await encodePrefix(this.#tokenizer, text, needed)).ids;
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
