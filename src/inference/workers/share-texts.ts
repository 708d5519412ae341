import { type CallProgress, countTaken, createProgress } from "./call-progress.ts";
import { dealCosts } from "./deal-costs.ts";
import { planPortions } from "./plan-portions.ts";

/** Texts of a call for one worker or several, in portions. Plain data: it is sent to each of them. */
export interface SharedTexts {
  readonly texts: readonly string[];
  /** `positions[i]` is the place of `texts[i]` in the caller's list. */
  readonly positions: readonly number[];
  /** `ends[i]` is where the i-th portion ends among the texts; it begins where the one before ends. */
  readonly ends: readonly number[];
  readonly progress: CallProgress;
}

export interface Share {
  readonly shared: SharedTexts;
  /** To how many workers it goes. */
  readonly workers: number;
}

/** Past this many characters a text is cut, so it costs no more than this; a text that is split has no such bound. */
export const LONGEST_CUT = 4096;
/** About what the query and the special tokens add to each text, in characters. */
const BESIDE_TEXT = 64;
/** Characters that are copied for one call's workers: ten milliseconds of the calling thread. Past it each gets its own texts and no others. */
const MOST_COPIED = 8_000_000;

/**
 * Shares a call's texts among workers. Each gets all of them and takes portions as it goes; only texts of many megabytes
 * are dealt, once and for all.
 */
export function shareTexts(texts: readonly string[], workers: number, longestCounted = LONGEST_CUT): Share[] {
  if (workers <= 1) return [createShare(texts, [[...texts.keys()]], 1)];
  const costs = texts.map((text) => BESIDE_TEXT + Math.min(text.length, longestCounted));
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  if (characters * workers > MOST_COPIED) {
    return dealCosts(costs, workers).map((hand) => createShare(texts, [hand], 1));
  }
  return [createShare(texts, planPortions(costs, workers), workers)];
}

/** Whether workers have taken everything, if not done it. */
export function isAllTaken({ ends, progress }: SharedTexts): boolean {
  return countTaken(progress) >= ends.length;
}

function createShare(texts: readonly string[], portions: readonly (readonly number[])[], workers: number): Share {
  const positions = portions.flat();
  let end = 0;
  const shared = {
    texts: positions.map((position) => texts[position] as string),
    positions,
    ends: portions.map((portion) => {
      end += portion.length;
      return end;
    }),
    progress: createProgress(),
  };
  return { shared, workers };
}
