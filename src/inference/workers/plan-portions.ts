import { costliestFirst, dealCosts } from "./deal-costs.ts";

/** The part of a call that is dealt in large portions. What is left evens out what one worker lags behind the others. */
const DEALT = 0.7;
/** A portion larger than a few runs of a model would only bind its worker. */
const LARGEST_PORTION = 16_384;
/** About what one run of a model holds, 256 tokens. In smaller portions a call would take more turns beside others, and read all of a model's weights for a text or two. */
const ONE_RUN = 1024;
/** Of its even share of what is left, how much a worker takes at a time. */
const TAKEN_AT_ONCE = 2 / 3;

/**
 * Puts texts into portions that workers take one after the other. First the longest texts, dealt evenly: where all workers
 * are as fast, each takes one such portion, whose runs are as full as those of a whole call. Then the shorter ones, in
 * portions that shrink with what is left, down to one run, so that all workers end at about the same time also where one is slow (guided
 * self-scheduling, Polychronopoulos and Kuck 1987). Which texts share a run follows from the texts, not from who is faster.
 * A call of a run or less for each worker is dealt whole.
 *
 * @param costs what each text costs, in characters
 * @returns positions in `costs`; each is in exactly one portion, and no portion is empty
 */
export function planPortions(costs: readonly number[], workers: number): number[][] {
  if (sumOf(costs) <= workers * ONE_RUN) return dealCosts(costs, workers);
  const longestFirst = costliestFirst(costs);
  const dealt = takeUpTo(DEALT * sumOf(costs), costs, longestFirst);
  return [
    ...dealLargePortions(costs, dealt, workers),
    ...shrinkingPortions(costs, longestFirst.slice(dealt.length), workers),
  ];
}

function dealLargePortions(costs: readonly number[], positions: readonly number[], workers: number): number[][] {
  const own = positions.map((position) => costs[position] as number);
  const rounds = Math.ceil(sumOf(own) / workers / LARGEST_PORTION);
  return dealCosts(own, rounds * workers).map((hand) => hand.map((place) => positions[place] as number));
}

function shrinkingPortions(costs: readonly number[], positions: readonly number[], workers: number): number[][] {
  const portions: number[][] = [];
  let left = sumOf(positions.map((position) => costs[position] as number));
  for (let start = 0; start < positions.length; start += portions.at(-1)?.length ?? 0) {
    const most = Math.min(LARGEST_PORTION, Math.max(ONE_RUN, (TAKEN_AT_ONCE * left) / workers));
    const portion = takeUpTo(most, costs, positions.slice(start));
    if (portion.length === 0) portion.push(positions[start] as number);
    left -= sumOf(portion.map((position) => costs[position] as number));
    portions.push(portion);
  }
  return portions;
}

/** The first of `positions` that cost no more than `most` together. */
function takeUpTo(most: number, costs: readonly number[], positions: readonly number[]): number[] {
  let cost = 0;
  const end = positions.findIndex((position) => {
    cost += costs[position] as number;
    return cost > most;
  });
  return positions.slice(0, end < 0 ? positions.length : end);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
