/** Past this many characters a text is cut, so it costs no more than this; a text that is split has no such bound. */
export const LONGEST_CUT = 4096;

/**
 * Deals texts to workers so that each has about the same amount to read: longest first, each to the worker with the
 * least so far (Graham's longest-processing-time rule).
 *
 * @returns the positions each worker gets, in input order; no worker gets none
 */
export function dealTexts(texts: readonly string[], workers: number, longestCounted = LONGEST_CUT): number[][] {
  const hands = Array.from({ length: Math.min(workers, texts.length) }, () => ({ positions: [] as number[], cost: 0 }));
  const costs = texts.map((text) => 1 + Math.min(text.length, longestCounted));
  const longestFirst = [...texts.keys()].sort((a, b) => (costs[b] as number) - (costs[a] as number));
  for (const position of longestFirst) {
    const hand = hands.reduce((least, other) => (other.cost < least.cost ? other : least));
    hand.positions.push(position);
    hand.cost += costs[position] as number;
  }
  return hands.map(({ positions }) => positions.sort((a, b) => a - b));
}
