import { checkCallback, checkInteger, checkOptionNames, invalidArgument } from "../check-options.ts";
import { cutText, type Fits, type Span, startsWithin } from "./cut-text.ts";
import { type Block, findBlocks } from "./find-blocks.ts";

export interface SplitTextOptions {
  /** No passage has more characters, counted as `content.length` does. Default 1000, or no bound when `maxTokens` is given; at least 20. */
  readonly maxCharacters?: number | undefined;
  /** No passage has more tokens, as `countTokens` counts them. At least 8. */
  readonly maxTokens?: number | undefined;
  /** For `maxTokens`. Default: one token per four characters, rounded up. */
  readonly countTokens?: ((text: string) => number) | undefined;
  /** A passage begins with up to so many characters of the one before, in whole sentences or words, unless it begins with a heading. Default 0. */
  readonly overlap?: number | undefined;
}

export interface Passage {
  /** `text.slice(start, end)`. */
  readonly content: string;
  readonly start: number;
  readonly end: number;
  /** The sections that all of the passage lies in, outermost first. Absent where there are none. */
  readonly headings?: readonly string[];
}

interface Piece extends Span {
  readonly headings: readonly string[];
  readonly beginsWith: Block["kind"];
  readonly onlyHeadings: boolean;
}

/** A section begins a new passage once this share of the bound is used. */
const FULL_ENOUGH = 4;

/**
 * Splits Markdown or plain text into passages: at headings, then paragraphs, then sentences, then words. A fenced code
 * block stays whole when it fits. Everything but white space is in some passage.
 *
 * @example
 * ```ts
 * const passages = splitText(markdown, { maxCharacters: 800 });
 * await collection.addDocuments(passages.map(({ content, headings }) => ({ content, metadata: { headings } })));
 * ```
 * @throws PgVectorDBError `invalid_argument`
 */
export function splitText(text: string, options: SplitTextOptions = {}): Passage[] {
  if (typeof text !== "string") throw invalidArgument("`text` must be a string.");
  const { fits, fillsAQuarter, overlap } = checkedBounds(text, options);
  const pieces = packBlocks(text, findBlocks(text), fits, fillsAQuarter);
  return pieces.map((piece, position) => {
    const start = overlap === 0 ? piece.start : overlapStart(text, piece, pieces[position - 1], overlap, fits);
    const { end, headings } = piece;
    return { content: text.slice(start, end), start, end, ...(headings.length === 0 ? {} : { headings }) };
  });
}

function packBlocks(text: string, blocks: readonly Block[], fits: Fits, fillsAQuarter: Fits): Piece[] {
  const pieces: Piece[] = [];
  let piece: Piece | undefined;
  for (const block of blocks) {
    const joined = piece === undefined ? pieceOf(block) : join(piece, block);
    const beginsSection = block.kind === "heading" && piece?.onlyHeadings === false && fillsAQuarter(piece);
    if (!beginsSection && fits(joined)) {
      piece = joined;
      continue;
    }
    // A heading goes with what follows it, unless that is code, which then would not stay whole.
    const together = piece?.onlyHeadings === true && !(block.kind === "code" && fits(block)) && !beginsSection;
    if (piece !== undefined && !together) pieces.push(piece);
    const whole = together ? joined : pieceOf(block);
    const cut = fits(whole) ? [whole] : [...cutText(text, whole, block.kind === "code" ? "line" : "sentence", fits)];
    const cutPieces = cut.map((span): Piece => ({ ...whole, ...span, onlyHeadings: block.kind === "heading" }));
    pieces.push(...cutPieces.slice(0, -1));
    piece = cutPieces.at(-1);
  }
  return piece === undefined ? pieces : [...pieces, piece];
}

function pieceOf(block: Block): Piece {
  const { start, end, headings, kind } = block;
  return { start, end, headings, beginsWith: kind, onlyHeadings: kind === "heading" };
}

function join(piece: Piece, block: Block): Piece {
  return {
    ...piece,
    end: block.end,
    headings: piece.onlyHeadings ? block.headings : commonStart(piece.headings, block.headings),
    onlyHeadings: piece.onlyHeadings && block.kind === "heading",
  };
}

function commonStart(a: readonly string[], b: readonly string[]): string[] {
  const different = a.findIndex((heading, position) => heading !== b[position]);
  return a.slice(0, different === -1 ? a.length : different);
}

function overlapStart(text: string, piece: Piece, before: Piece | undefined, overlap: number, fits: Fits): number {
  if (before === undefined || piece.beginsWith === "heading") return piece.start;
  const earliest = Math.max(before.start, piece.start - overlap - 1);
  for (const start of startsWithin(text, { start: earliest, end: piece.start })) {
    const begins = start + (/^\s*/.exec(text.slice(start, piece.start))?.[0].length ?? 0);
    if (piece.start - begins <= overlap && fits({ start: begins, end: piece.end })) return begins;
  }
  return piece.start;
}

function checkedBounds(text: string, options: SplitTextOptions) {
  checkOptionNames(options, ["maxCharacters", "maxTokens", "countTokens", "overlap"]);
  const { maxTokens, countTokens = (part: string) => Math.ceil(part.length / 4), overlap = 0 } = options;
  const max = Number.MAX_SAFE_INTEGER;
  checkInteger("maxCharacters", options.maxCharacters, { min: 20, max });
  checkInteger("maxTokens", maxTokens, { min: 8, max });
  checkInteger("overlap", overlap, { min: 0, max });
  checkCallback("countTokens", countTokens);
  const maxCharacters = options.maxCharacters ?? (maxTokens === undefined ? 1000 : max);
  const within =
    (share: number): Fits =>
    ({ start, end }) =>
      end - start <= maxCharacters / share &&
      (maxTokens === undefined || countTokens(text.slice(start, end)) <= maxTokens / share);
  const fillsAQuarter: Fits = (span) => !within(FULL_ENOUGH)(span);
  return { fits: within(1), fillsAQuarter, overlap };
}
