/** A part of a prompt: text of its own, or the place of one of the two texts. */
export type PromptPiece =
  | { readonly kind: "fixed"; readonly text: string }
  | { readonly kind: "query" | "document"; readonly trim: TrimmedEnds };

/** At which ends white space is taken off a text before it is put into a prompt. */
export interface TrimmedEnds {
  readonly start: boolean;
  readonly end: boolean;
}

/** The prompt with its two texts. */
export function fillPrompt(pieces: readonly PromptPiece[], query: string, document: string): string {
  const texts = { query, document };
  return pieces
    .map((piece) => (piece.kind === "fixed" ? piece.text : trimText(texts[piece.kind], piece.trim)))
    .join("");
}

// What Python's `str.strip` takes off, which is not what JavaScript's `trim` does.
// biome-ignore lint/suspicious/noControlCharactersInRegex: four control characters are white space to Python.
const START = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
const SPACE = new RegExp(START.source.slice(1, -1));

/** Without the white space at these ends, by what Python takes for white space. */
function trimText(text: string, ends: TrimmedEnds): string {
  const start = ends.start ? (START.exec(text)?.[0].length ?? 0) : 0;
  let end = text.length;
  while (ends.end && end > start && SPACE.test(text[end - 1] as string)) end--;
  return text.slice(start, end);
}
