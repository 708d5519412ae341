import {
  ACCENT,
  COMBINING_MARK,
  CONTROL,
  characterFlags,
  DECOMPOSED,
  IDEOGRAPH,
  SPACE,
  toLowerCharacter,
} from "./wordpiece-characters.ts";

/** The settings of a `BertNormalizer`. */
export interface WordPieceRules {
  readonly cleanText: boolean;
  readonly separateIdeographs: boolean;
  readonly stripAccents: boolean;
  readonly lowercase: boolean;
}

/** Applies the rules in the reference's order. Every space in the result is one that separates words. */
export function normalizeText(text: string, rules: WordPieceRules): string {
  let result = cleanText(text, rules);
  if (rules.stripAccents) result = stripAccents(result);
  return rules.lowercase ? lowerText(result) : result;
}

function cleanText(text: string, rules: WordPieceRules): string {
  const flags = characterFlags();
  let cleaned = "";
  for (const character of text) {
    const flag = flags[character.codePointAt(0) as number] as number;
    if (flag & CONTROL && rules.cleanText) continue;
    if (flag & SPACE) cleaned += " ";
    else if (flag & IDEOGRAPH && rules.separateIdeographs) cleaned += ` ${character} `;
    else cleaned += character;
  }
  return cleaned;
}

/**
 * The engine's NFD takes quadratic time on a run of combining marks, so a run longer than this is cut. It changes nothing
 * but the order of marks that no vocabulary has.
 */
const MAX_MARKS = 1024;
const RUN_LENGTH = 256;

/**
 * Decomposes and drops what the reference calls accents. Only characters that the reference decomposes or reorders are
 * given to the engine, whose Unicode version is newer; what lies between them is a starter and does not take part.
 */
function stripAccents(text: string): string {
  const flags = characterFlags();
  let stripped = "";
  let run = "";
  for (const character of text) {
    const flag = flags[character.codePointAt(0) as number] as number;
    const takesPart = (flag & (DECOMPOSED | COMBINING_MARK)) !== 0;
    const endsRun = !takesPart || (run.length >= RUN_LENGTH && (!(flag & COMBINING_MARK) || run.length >= MAX_MARKS));
    if (endsRun && run !== "") {
      stripped += withoutAccents(run.normalize("NFD"), flags);
      run = "";
    }
    if (takesPart) run += character;
    else if (!(flag & ACCENT)) stripped += character;
  }
  return run === "" ? stripped : stripped + withoutAccents(run.normalize("NFD"), flags);
}

function withoutAccents(decomposed: string, flags: Uint8Array): string {
  let kept = "";
  for (const character of decomposed) {
    if (!((flags[character.codePointAt(0) as number] as number) & ACCENT)) kept += character;
  }
  return kept;
}

function lowerText(text: string): string {
  let lowered = "";
  for (const character of text) lowered += toLowerCharacter(character);
  return lowered;
}

/**
 * The first position from `from` on where well-formed text can be cut so that both parts normalise as the whole does:
 * before a character that no other can change places with.
 */
export function safeCut(text: string, from: number): number {
  const flags = characterFlags();
  let position = from > 0 && isSecondHalf(text, from) ? from + 1 : from;
  while (position < text.length) {
    const code = text.codePointAt(position) as number;
    if (!((flags[code] as number) & COMBINING_MARK) || position - from > MAX_MARKS) return position;
    position += code > 0xffff ? 2 : 1;
  }
  return text.length;
}

function isSecondHalf(text: string, position: number): boolean {
  const unit = text.charCodeAt(position);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
