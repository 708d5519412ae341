// Attention of a local layer: a token sees those that are at most `reach` away. A block of queries goes over the keys that one of its rows sees, and nothing else is
// computed; of the blocks at both ends each row has lanes of its own.
#pragma once
#include "attention.h"

/** Of sixteen keys those from `from` on and before `to`, both counted from the first of them. */
static ALWAYS_INLINE LaneBits lanesBetween(int from, int to) { return (LaneBits)(firstLanes(to) & ~firstLanes(from)); }

/** Of some blocks of keys the lanes from `from` + row on and before `to` + row, or before `end`. */
struct LanesWithinReach {
  int from, to, end;

  ALWAYS_INLINE LaneBits bits(int r, int b) const { return lanesBetween(from + r - 16 * b, (to + r < end ? to + r : end) - 16 * b); }
  ALWAYS_INLINE Floats of(int r, int b, Floats values) const { return only(bits(r, b), values); }
};

/** As `attend`. Which keys are gone over depends on the rows' places in their text alone. */
template <int ROWS, int HALVES, int STRIDE, class Numbers>
static __attribute__((noinline)) void attendWithinReach(const AttentionHead<Numbers>& text, int first, int reach) {
  const int begin = first > reach ? (first - reach) / 16 * 16 : 0, behind = first + ROWS + reach;
  AttentionHead<Numbers> head = text;
  head.keys += (size_t)begin * HALVES * HALF;
  for (int half = 0; half < HALVES; half++) head.values[half] += (size_t)begin * HALF;
  head.length = (behind < text.length ? behind : text.length) - begin;
  // Keys are counted from `begin` on.
  const auto* queries = head.queries + (size_t)first * HALF;
  const int from = first - reach - begin, to = first + reach + 1 - begin, blocks = (head.length + 15) / 16;
  const auto isWithin = [&](int b, int count) { return b * 16 >= from + ROWS - 1 && (b + count) * 16 <= to && (b + count) * 16 <= head.length; };
  Floats sums[ROWS], top = zeros();
  UNROLL for (int r = 0; r < ROWS; r++) sums[r] = zeros();
  int b = 0;
  for (; b + ATTENTION_VECTORS <= blocks; b += ATTENTION_VECTORS) {
    if (isWithin(b, ATTENTION_VECTORS)) {
      shareKeys<ROWS, ATTENTION_VECTORS, HALVES, STRIDE>(head, queries, b * 16, AllLanes(), sums, top);
    } else {
      shareKeys<ROWS, ATTENTION_VECTORS, HALVES, STRIDE>(head, queries, b * 16, LanesWithinReach{from - b * 16, to - b * 16, head.length - b * 16}, sums, top);
    }
  }
  for (; b < blocks; b++) shareKeys<ROWS, 1, HALVES, STRIDE>(head, queries, b * 16, LanesWithinReach{from - b * 16, to - b * 16, head.length - b * 16}, sums, top);
  if (largestOf(top) > LARGEST_BARE_SCORE) {
    constexpr int STEP = ROWS % 2 ? 1 : 2;
    const auto lanesOf = [&](int row, int j) { return LanesWithinReach{from - j, to - j, head.length - j}.bits(row - first, 0); };
    for (int r = 0; r < ROWS; r += STEP) attendCarefully<STEP, HALVES, STRIDE>(head, first + r, lanesOf);
    return;
  }
  float inverseSums[ROWS];
  for (int r = 0; r < ROWS; r++) inverseSums[r] = 1.f / sumOf(sums[r]);
  mixValues<ROWS, HALVES, STRIDE>(head, inverseSums, head.out + (size_t)first * head.outStride);
}

/** `count` rows from `first` on, by vectors. */
template <int HALVES, int STRIDE, class Numbers>
static void attendRowsWithinReach(const AttentionHead<Numbers>& head, int first, int count, int reach) {
  int at = first;
  const int end = first + count;
  for (; at + ATTENTION_BLOCK <= end; at += ATTENTION_BLOCK) attendWithinReach<ATTENTION_BLOCK, HALVES, STRIDE>(head, at, reach);
  if (ATTENTION_BLOCK > 6 && at + 6 <= end) attendWithinReach<6, HALVES, STRIDE>(head, at, reach), at += 6;
  for (; at + 2 <= end; at += 2) attendWithinReach<2, HALVES, STRIDE>(head, at, reach);
  if (at < end) attendWithinReach<1, HALVES, STRIDE>(head, at, reach);
}
