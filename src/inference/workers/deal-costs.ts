interface Hand {
  readonly positions: number[];
  cost: number;
}

/**
 * Deals positions into hands so that each costs about the same: costliest first, each to the hand with the least so far
 * (Graham's longest-processing-time rule).
 *
 * @returns positions in `costs`, in order; no hand is empty
 */
export function dealCosts(costs: readonly number[], hands: number): number[][] {
  const dealt = Array.from({ length: Math.min(hands, costs.length) }, (): Hand => ({ positions: [], cost: 0 }));
  for (const position of costliestFirst(costs)) {
    const hand = dealt.reduce((least, other) => (hasLess(other, least) ? other : least));
    hand.positions.push(position);
    hand.cost += costs[position] as number;
  }
  return dealt.map(({ positions }) => positions.sort((a, b) => a - b));
}

/** Costs may be 0, which must not leave another hand empty. */
function hasLess(one: Hand, other: Hand): boolean {
  return one.cost < other.cost || (one.cost === other.cost && one.positions.length < other.positions.length);
}

/** Positions in `costs`; of equal ones the first comes first. */
export function costliestFirst(costs: readonly number[]): number[] {
  return [...costs.keys()].sort((a, b) => (costs[b] as number) - (costs[a] as number));
}
