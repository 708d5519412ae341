// softmax(Q K^T) V of one text and one head, with sums in float32 (A. Vaswani et al., 2017, arXiv:1706.03762). The factor log2(e) / sqrt(head size) is in the
// weights of the query, so that a share is a power of two. `Numbers` (attention-numbers.h) are what the operands are held in.
#pragma once
#include "attention-numbers.h"

/** Rows of queries and vectors of keys, or of values, that are multiplied together: as many as have their sums in registers. */
#ifdef __AVX512F__
constexpr int ATTENTION_BLOCK = 12, ATTENTION_VECTORS = 2;
#else
constexpr int ATTENTION_BLOCK = 6, ATTENTION_VECTORS = 1;
#endif
/** Most rows of queries that have scores and shares at a time. */
constexpr int ATTENTION_ROWS = 16;
/** Scores from one row to the next: constants again, no multiples of 4,096 bytes, with room for a block of 32 that begins within the text. */
constexpr int SHORT_LENGTH = 512, LONG_LENGTH = 8192;
constexpr int SHORT_STRIDE = SHORT_LENGTH + 32, LONG_STRIDE = LONG_LENGTH + 32;
/**
 * Scores up to this magnitude need no largest score: 2^64 * 8,192 shares * values below 2^50 stay within float32, and floating point keeps the digits of
 * small shares. Larger ones go the careful way.
 */
constexpr float LARGEST_BARE_SCORE = 64.f;

/** One text and head. Keys are packed, and values as `packValues` leaves them; queries lie as the product wrote them. */
template <class Numbers>
struct AttentionHead {
  using Number = typename Numbers::Number;
  const Number* queries;
  size_t queryHalf;
  const Number* keys;
  const Number* values[2];
  int length;
  float* scores;
  Number* shares;
  float* out;
  size_t outStride;
};

/** Scores of ROWS queries and 16 * BLOCKS keys. */
template <int ROWS, int BLOCKS, int HALVES, class Numbers, class Number = typename Numbers::Number>
static ALWAYS_INLINE void scoreKeys(const AttentionHead<Numbers>& head, const Number* queries, const Number* keys, Floats (&scores)[ROWS][BLOCKS]) {
  constexpr int TOGETHER = Numbers::TOGETHER;
  UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int b = 0; b < BLOCKS; b++) scores[r][b] = zeros();
  for (int half = 0; half < HALVES; half++) {
    const Number *q = queries + half * head.queryHalf, *k = keys + half * 16 * HALF;
    _Pragma("GCC unroll 1") for (int d = 0; d < HALF; d += TOGETHER) {
      Integers key[BLOCKS];
      UNROLL for (int b = 0; b < BLOCKS; b++) key[b] = loadAlignedIntegers(k + b * HALVES * 16 * HALF + d * 16);
      UNROLL for (int r = 0; r < ROWS; r++) {
        const Integers query = splatFourBytes(q + r * HALF + d);
        UNROLL for (int b = 0; b < BLOCKS; b++) scores[r][b] = Numbers::multiplyAddTogether(query, key[b], scores[r][b]);
      }
    }
  }
}

/** VECTORS of the values of all tokens, weighted by unfinished shares, times what makes the shares sum to one. */
template <int ROWS, int VECTORS, int STRIDE, class Numbers>
static ALWAYS_INLINE void mixVectors(const AttentionHead<Numbers>& head, const typename Numbers::Number* values, const float* inverseSums, float* out) {
  constexpr int TOGETHER = Numbers::TOGETHER;
  Floats sums[ROWS][VECTORS];
  UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int v = 0; v < VECTORS; v++) sums[r][v] = zeros();
  _Pragma("GCC unroll 1") for (int t = 0; t < head.length; t += TOGETHER) {
    Integers value[VECTORS];
    UNROLL for (int v = 0; v < VECTORS; v++) value[v] = loadAlignedIntegers(values + t * HALF + v * 16 * TOGETHER);
    UNROLL for (int r = 0; r < ROWS; r++) {
      const Integers share = splatFourBytes(head.shares + r * STRIDE + t);
      UNROLL for (int v = 0; v < VECTORS; v++) sums[r][v] = Numbers::multiplyAddTogether(share, value[v], sums[r][v]);
    }
  }
  UNROLL for (int r = 0; r < ROWS; r++) {
    const Floats factor = splat(inverseSums[r]);
    UNROLL for (int v = 0; v < VECTORS; v++) store(out + r * head.outStride + v * 16, multiply(sums[r][v], factor));
  }
}

template <int ROWS, int HALVES, int STRIDE, class Numbers>
static ALWAYS_INLINE void mixValues(const AttentionHead<Numbers>& head, const float* inverseSums, float* out) {
  for (int half = 0; half < HALVES; half++) {
    for (int v = 0; v < 2; v += ATTENTION_VECTORS) {
      mixVectors<ROWS, ATTENTION_VECTORS, STRIDE>(head, head.values[half] + v * 16 * Numbers::TOGETHER, inverseSums, out + half * HALF + v * 16);
    }
  }
}

/** The careful way: the largest score of each row first, then shares of 2^(score - largest). `lanesOf(row, j)` has which of the sixteen keys from j on a row sees. */
template <int ROWS, int HALVES, int STRIDE, class Numbers, class LanesOf>
static __attribute__((noinline)) void attendCarefully(const AttentionHead<Numbers>& head, int first, const LanesOf& lanesOf) {
  const int length = head.length;
  const auto* queries = head.queries + (size_t)first * HALF;
  for (int j = 0; j < length; j += 16) {
    Floats scores[ROWS][1];
    scoreKeys<ROWS, 1, HALVES>(head, queries, head.keys + (size_t)j * HALVES * HALF, scores);
    UNROLL for (int r = 0; r < ROWS; r++) store(head.scores + r * STRIDE + j, scores[r][0]);
  }
  float inverseSums[ROWS];
  for (int r = 0; r < ROWS; r++) {
    const float* scores = head.scores + r * STRIDE;
    Floats top = splat(-__builtin_inff()), sum = zeros();
    for (int j = 0; j < length; j += 16) top = maximum(top, load(scores + j), lanesOf(first + r, j));
    top = splat(largestOf(top));
    for (int j = 0; j < length; j += 16) {
      const Floats share = only(lanesOf(first + r, j), Numbers::powerFromBelow(subtract(load(scores + j), top)));
      sum = add(sum, share);
      Numbers::storeNumbers(head.shares + r * STRIDE + j, share);
    }
    inverseSums[r] = 1.f / sumOf(sum);
  }
  mixValues<ROWS, HALVES, STRIDE>(head, inverseSums, head.out + (size_t)first * head.outStride);
}

/** Of all keys of a text. */
template <int ROWS, int HALVES, int STRIDE, class Numbers>
static void attendCarefully(const AttentionHead<Numbers>& head, int first) {
  attendCarefully<ROWS, HALVES, STRIDE>(head, first, [&](int, int j) { return firstLanes(head.length - j); });
}

/** Of some blocks of keys all have a share. */
struct AllLanes {
  ALWAYS_INLINE Floats of(int, int, Floats values) const { return values; }
};

/** Of one of the blocks those of `lanes` alone. */
struct LanesOfBlock {
  int block;
  LaneBits lanes;

  ALWAYS_INLINE Floats of(int, int b, Floats values) const { return b == block ? only(lanes, values) : values; }
};

/**
 * Shares of 16 * BLOCKS keys as 2^score, their sums, and the largest score's magnitude. Rows past the text belong to another, which must neither have a share nor lead
 * the careful way: `lanes.of(row, block, values)` makes zeros of them.
 */
template <int ROWS, int BLOCKS, int HALVES, int STRIDE, class Lanes, class Numbers, class Number = typename Numbers::Number>
static ALWAYS_INLINE void shareKeys(const AttentionHead<Numbers>& head, const Number* queries, int j, const Lanes& lanes, Floats* sums, Floats& top) {
  Floats scores[ROWS][BLOCKS];
  scoreKeys<ROWS, BLOCKS, HALVES>(head, queries, head.keys + (size_t)j * HALVES * HALF, scores);
  UNROLL for (int r = 0; r < ROWS; r++) {
    UNROLL for (int b = 0; b < BLOCKS; b++) {
      scores[r][b] = lanes.of(r, b, scores[r][b]);
      top = largerMagnitude(top, scores[r][b]);
      scores[r][b] = lanes.of(r, b, Numbers::power(scores[r][b]));
    }
    Number* to = head.shares + r * STRIDE + j;
    const Floats last = scores[r][BLOCKS - 1];
    if (BLOCKS == 2) {
      sums[r] = add(sums[r], add(scores[r][0], last));
      Numbers::storeHalf(to, scores[r][0], last);
    } else {
      sums[r] = add(sums[r], last);
      Numbers::storeNumbers(to, last);
    }
  }
}

/** ROWS queries of a text. Which way they go depends on their own scores alone, and the blocks begin where the text does. */
template <int ROWS, int HALVES, int STRIDE, class Numbers>
static __attribute__((noinline)) void attend(const AttentionHead<Numbers>& head, int first) {
  const auto* queries = head.queries + (size_t)first * HALF;
  const int blocks = (head.length + 15) / 16;
  const LaneBits mask = firstLanes(head.length - (blocks - 1) * 16);
  Floats sums[ROWS], top = zeros();
  UNROLL for (int r = 0; r < ROWS; r++) sums[r] = zeros();
  int b = 0;
  for (; b + ATTENTION_VECTORS < blocks; b += ATTENTION_VECTORS) {
    shareKeys<ROWS, ATTENTION_VECTORS, HALVES, STRIDE>(head, queries, b * 16, AllLanes(), sums, top);
  }
  if (b + ATTENTION_VECTORS == blocks) {
    shareKeys<ROWS, ATTENTION_VECTORS, HALVES, STRIDE>(head, queries, b * 16, LanesOfBlock{ATTENTION_VECTORS - 1, mask}, sums, top);
  } else {
    shareKeys<ROWS, 1, HALVES, STRIDE>(head, queries, b * 16, LanesOfBlock{0, mask}, sums, top);
  }
  if (largestOf(top) > LARGEST_BARE_SCORE) {
    constexpr int STEP = ROWS % 2 ? 1 : 2;  // rare: small blocks, so that there is little code
    for (int r = 0; r < ROWS; r += STEP) attendCarefully<STEP, HALVES, STRIDE>(head, first + r);
    return;
  }
  float inverseSums[ROWS];
  for (int r = 0; r < ROWS; r++) inverseSums[r] = 1.f / sumOf(sums[r]);
  mixValues<ROWS, HALVES, STRIDE>(head, inverseSums, head.out + (size_t)first * head.outStride);
}

/** `count` rows from `first` on. */
template <int HALVES, int STRIDE, class Numbers>
static void attendByVectors(const AttentionHead<Numbers>& head, int first, int count) {
  int at = first;
  const int end = first + count;
  for (; at + ATTENTION_BLOCK <= end; at += ATTENTION_BLOCK) attend<ATTENTION_BLOCK, HALVES, STRIDE>(head, at);
  if (ATTENTION_BLOCK > 8 && at + 8 <= end) attend<8, HALVES, STRIDE>(head, at), at += 8;
  if (ATTENTION_BLOCK > 6 && at + 6 <= end) attend<6, HALVES, STRIDE>(head, at), at += 6;
  if (at + 4 <= end) attend<4, HALVES, STRIDE>(head, at), at += 4;
  if (at + 2 <= end) attend<2, HALVES, STRIDE>(head, at), at += 2;
  if (at < end) attend<1, HALVES, STRIDE>(head, at);
}

/** Sixteen keys as [columns of four bytes][16 keys]. `rowOf` has where a key's 32 columns are. */
template <class RowOf, class Number>
static ALWAYS_INLINE void packSixteenKeys(const RowOf& rowOf, Number* to) {
  constexpr int COLUMNS = 64 / (int)sizeof(Number);
  for (int column = 0; column < HALF; column += COLUMNS, to += 16 * COLUMNS) {
    Integers rows[16];
    UNROLL for (int i = 0; i < 16; i++) rows[i] = loadIntegers(rowOf(i) + column);
    transpose(rows);
    UNROLL for (int i = 0; i < 16; i++) storeAlignedIntegers(to + i * COLUMNS, rows[i]);
  }
}

/** All keys of a head. Rows past the text are read and left out later. */
template <class Number>
static void packKeys(const Number* keys, size_t keyHalf, int halves, int length, Number* to) {
  for (int j = 0; j < length; j += 16) {
    for (int half = 0; half < halves; half++, to += 16 * HALF) {
      packSixteenKeys([&](int i) { return keys + half * keyHalf + (size_t)(j + i) * HALF; }, to);
    }
  }
}
