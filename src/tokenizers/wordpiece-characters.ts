import {
  ACCENTS,
  COMBINING,
  CONTROLS,
  DECOMPOSING,
  IDEOGRAPHS,
  NEW_CASE_PAIRS,
  PUNCTUATION,
  SPACES,
} from "./wordpiece-ranges.ts";

/** What the reference does with a character; a character may have several. */
export const CONTROL = 1;
export const SPACE = 2;
export const PUNCTUATION_MARK = 4;
export const IDEOGRAPH = 8;
/** Removed by accent stripping. */
export const ACCENT = 16;
/** Has a canonical combining class: may change places with its neighbours in NFD. */
export const COMBINING_MARK = 32;
/** Becomes other characters in NFD. */
export const DECOMPOSED = 64;

let flags: Uint8Array | undefined;

/** `flags[codePoint]` is the sum of the constants above. A megabyte of zero pages, of which text touches a few. */
export function characterFlags(): Uint8Array {
  if (flags === undefined) {
    flags = new Uint8Array(0x110000);
    mark(flags, CONTROLS, CONTROL);
    mark(flags, SPACES, SPACE);
    mark(flags, PUNCTUATION, PUNCTUATION_MARK);
    mark(flags, IDEOGRAPHS, IDEOGRAPH);
    mark(flags, ACCENTS, ACCENT);
    mark(flags, COMBINING, COMBINING_MARK);
    mark(flags, DECOMPOSING, DECOMPOSED);
  }
  return flags;
}

const NEW_LOWER_CASE: ReadonlyMap<string, string> = newLowerCase();

/** Lower case of one character by itself: the reference knows no context, so a final sigma is an ordinary one. */
export function toLowerCharacter(character: string): string {
  return NEW_LOWER_CASE.get(character) ?? character.toLowerCase();
}

function mark(target: Uint8Array, ranges: string, flag: number): void {
  let end = 0;
  for (const range of ranges.split(" ")) {
    const [gap = "", more = "0"] = range.split("-");
    const first = end + Number.parseInt(gap, 36);
    end = first + Number.parseInt(more, 36);
    for (let code = first; code <= end; code++) target[code] = (target[code] ?? 0) | flag;
  }
}

function newLowerCase(): Map<string, string> {
  const letters = [...NEW_CASE_PAIRS];
  const pairs = new Map<string, string>();
  for (let index = 0; index < letters.length; index += 2) {
    pairs.set(letters[index] ?? "", letters[index + 1] ?? "");
  }
  return pairs;
}
