/** A stretch of the text, `start` to `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Whether a stretch keeps the bound. */
export type Fits = (span: Span) => boolean;

type Boundary = "line" | "sentence" | "word" | "character";

const FINER: Readonly<Record<Boundary, Boundary | undefined>> = {
  line: "word",
  sentence: "word",
  word: "character",
  character: undefined,
};

/** Cuts what is too long at the coarsest boundaries that keep the bound, into as few pieces as fit one after the other. */
export function* cutText(text: string, span: Span, boundary: Boundary, fits: Fits): Generator<Span> {
  let piece: Span | undefined;
  for (const unit of unitsOf(text, span, boundary)) {
    const joined: Span = { start: piece?.start ?? unit.start, end: unit.end };
    if (fits(trimEnd(text, joined))) {
      piece = joined;
      continue;
    }
    if (piece !== undefined) yield trimEnd(text, piece);
    piece = unit;
    const finer = FINER[boundary];
    if (finer !== undefined && !fits(trimEnd(text, unit))) {
      const pieces = [...cutText(text, unit, finer, fits)];
      yield* pieces.slice(0, -1);
      piece = pieces.at(-1);
    }
  }
  if (piece !== undefined) yield trimEnd(text, piece);
}

/** Where overlapping text may begin: sentence starts, then word starts, after `from`. */
export function* startsWithin(text: string, span: Span): Generator<number> {
  for (const boundary of ["sentence", "word"] as const) {
    for (const unit of unitsOf(text, span, boundary)) {
      if (unit.start > span.start) yield unit.start;
    }
  }
}

function* unitsOf(text: string, { start, end }: Span, boundary: Boundary): Generator<Span> {
  let from = start;
  for (const length of lengthsOf(text.slice(start, end), boundary)) {
    yield { start: from, end: from + length };
    from += length;
  }
}

function* lengthsOf(text: string, boundary: Boundary): Generator<number> {
  if (boundary === "character") {
    for (const character of text) yield character.length;
  } else if (boundary === "line") {
    yield* (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).map((line) => line.length);
  } else {
    const prose = boundary === "sentence" ? joinWrappedLines(text) : text;
    for (const { segment } of new Intl.Segmenter("en", { granularity: boundary }).segment(prose)) yield segment.length;
  }
}

/** Unicode ends a sentence at every line end; hard-wrapped prose does not. Items of lists, quotes and tables keep theirs. */
function joinWrappedLines(text: string): string {
  return text.replace(/\n(?![ \t]*(?:[-*+>|]|\d+[.)][ \t]))/g, " ");
}

function trimEnd(text: string, { start, end }: Span): Span {
  return { start, end: start + text.slice(start, end).trimEnd().length };
}
