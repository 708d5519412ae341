import { PgVectorDBError } from "../../errors.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";

/** A part of a text in UTF-16 units, as `slice` takes them. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

export interface WindowSize {
  /** Most tokens of a window, at least 1. */
  readonly room: number;
  /** Tokens that neighbouring windows share, less than `room`; about so many, as windows begin and end between words. */
  readonly overlap: number;
}

/** A window of fewer tokens would be too many windows, of too little sense. */
const LEAST_WINDOW_TOKENS = 8;
/** A piece is a small part of a window, so that windows are full and overlap as asked. */
const PIECES_PER_WINDOW = 16;
const CHARACTERS_PER_TOKEN = 4;
const LEAST_CHARACTERS = 8;
/** Pieces tokenised before other calls get a turn. */
const PIECES_PER_STEP = 64;

interface Piece extends TextSpan {
  readonly tokens: number;
}

/**
 * The windows for a room of so many tokens.
 *
 * @param overlap at most half of a window; `undefined` is a quarter of it
 * @throws PgVectorDBError `invalid_argument` for a room that is none
 */
export function windowSize(room: number, overlap: number | undefined): WindowSize {
  if (room >= LEAST_WINDOW_TOKENS) {
    return { room, overlap: Math.min(overlap ?? Math.floor(room / 4), Math.floor(room / 2)) };
  }
  throw new PgVectorDBError(
    "invalid_argument",
    `The query leaves ${room} tokens for a document, too few for \`longDocuments\` "split". Shorten it, or raise \`maxLength\`.`,
  );
}

/**
 * Cuts a text that is longer than `room` tokens into windows that overlap. Every character that is not white space is in
 * at least one window; the last window is as full as the others. A window's text, given to the model by itself, has at
 * most `room` tokens, unless a single character has more, or a cut inside a word without end makes one more of it.
 */
export async function* splitWindows(
  tokenizer: Tokenizer,
  text: string,
  size: WindowSize,
): AsyncGenerator<undefined, TextSpan[], undefined> {
  const pieces = yield* countPieces(tokenizer, text, size.room);
  const spans: TextSpan[] = [];
  for (let first = 0, end = 0; end < pieces.length; ) {
    end = takeForward(pieces, first, size.room);
    // The last window takes in what is before it, rather than be a few words without their context.
    if (end === pieces.length) first = Math.min(first, takeBackward(pieces, end, size.room, 0));
    const span = trim(text, (pieces[first] as Piece).start, (pieces[end - 1] as Piece).end);
    if (span !== undefined) spans.push(span);
    first = takeBackward(pieces, end, size.overlap, first + 1);
  }
  return spans.length > 0 ? spans : [{ start: 0, end: text.length }];
}

/** The end of the longest row of pieces from `first` on that fits; always at least one piece. */
function takeForward(pieces: readonly Piece[], first: number, room: number): number {
  let tokens = 0;
  let end = first;
  while (end < pieces.length && (end === first || tokens + (pieces[end] as Piece).tokens <= room)) {
    tokens += (pieces[end] as Piece).tokens;
    end++;
  }
  return end;
}

/** The start of the longest row of pieces before `end` that fits, not before `least`. */
function takeBackward(pieces: readonly Piece[], end: number, room: number, least: number): number {
  let tokens = 0;
  let first = end;
  while (first > least && tokens + (pieces[first - 1] as Piece).tokens <= room) {
    tokens += (pieces[first - 1] as Piece).tokens;
    first--;
  }
  return first;
}

async function* countPieces(
  tokenizer: Tokenizer,
  text: string,
  room: number,
): AsyncGenerator<undefined, Piece[], undefined> {
  const length = Math.max(LEAST_CHARACTERS, Math.floor((room * CHARACTERS_PER_TOKEN) / PIECES_PER_WINDOW));
  const pieces: Piece[] = [];
  for (let start = 0; start < text.length; ) {
    const spans: TextSpan[] = [];
    for (; spans.length < PIECES_PER_STEP && start < text.length; start = (spans.at(-1) as TextSpan).end) {
      spans.push({ start, end: endOfPiece(text, start, length) });
    }
    const counted = await Promise.all(spans.map((span) => fitPiece(tokenizer, text, span, room)));
    for (const part of counted) pieces.push(...part);
    yield undefined;
  }
  return pieces;
}

/** A piece with its tokens, halved as often as it must be to fit into a window. */
async function fitPiece(tokenizer: Tokenizer, text: string, span: TextSpan, room: number): Promise<Piece[]> {
  const tokens = (await tokenizer.encode(text.slice(span.start, span.end))).length;
  if (tokens <= room) return [{ ...span, tokens }];
  const middle = characterStart(text, span.start + Math.ceil((span.end - span.start) / 2));
  if (middle <= span.start || middle >= span.end) return [{ ...span, tokens }];
  const halves = [
    { start: span.start, end: middle },
    { start: middle, end: span.end },
  ];
  return (await Promise.all(halves.map((half) => fitPiece(tokenizer, text, half, room)))).flat();
}

/** The last start of white space within reach, else the end of a character: a word is cut only when it is longer. */
function endOfPiece(text: string, start: number, length: number): number {
  const limit = start + length;
  if (limit >= text.length) return text.length;
  const space = text.slice(start, limit + 1).search(/\s+\S*$/u);
  if (space > 0) return start + space;
  const end = characterStart(text, limit);
  return end > start ? end : Math.min(text.length, limit + 1);
}

/** `position`, or the one before when that is inside a surrogate pair. */
function characterStart(text: string, position: number): number {
  const code = text.charCodeAt(position - 1);
  return code >= 0xd800 && code <= 0xdbff ? position - 1 : position;
}

/** Without white space at its ends; nothing when nothing else is there. */
function trim(text: string, start: number, end: number): TextSpan | undefined {
  const slice = text.slice(start, end);
  const left = slice.length - slice.trimStart().length;
  const kept = slice.trim().length;
  return kept === 0 ? undefined : { start: start + left, end: start + left + kept };
}
