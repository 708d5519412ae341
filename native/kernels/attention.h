// softmax(Q K^T) V of one text and one head, with sums in float32 (A. Vaswani et al., 2017, arXiv:1706.03762). The factor log2(e) / sqrt(head size) is in the
// weights of the query, so that a share is a power of two. `Numbers` (attention-numbers.h) are what the operands are held in.
#pragma once
#include "attention-numbers.h"

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
      UNROLL for (int b = 0; b < BLOCKS; b++) key[b] = _mm512_load_si512(k + b * HALVES * 16 * HALF + d * 16);
      UNROLL for (int r = 0; r < ROWS; r++) {
        const Integers query = splatFourBytes(q + r * HALF + d);
        UNROLL for (int b = 0; b < BLOCKS; b++) scores[r][b] = Numbers::multiplyAddTogether(query, key[b], scores[r][b]);
      }
    }
  }
}

/** The values of all tokens, weighted by unfinished shares, times what makes the shares sum to one. */
template <int ROWS, int HALVES, int STRIDE, class Numbers>
static ALWAYS_INLINE void mixValues(const AttentionHead<Numbers>& head, const float* inverseSums, float* out) {
  constexpr int TOGETHER = Numbers::TOGETHER;
  for (int half = 0; half < HALVES; half++) {
    const auto* values = head.values[half];
    Floats sums[ROWS][2];
    UNROLL for (int r = 0; r < ROWS; r++) sums[r][0] = sums[r][1] = zeros();
    _Pragma("GCC unroll 1") for (int t = 0; t < head.length; t += TOGETHER) {
      const Integers value0 = _mm512_load_si512(values + t * HALF), value1 = _mm512_load_si512(values + t * HALF + 16 * TOGETHER);
      UNROLL for (int r = 0; r < ROWS; r++) {
        const Integers share = splatFourBytes(head.shares + r * STRIDE + t);
        sums[r][0] = Numbers::multiplyAddTogether(share, value0, sums[r][0]);
        sums[r][1] = Numbers::multiplyAddTogether(share, value1, sums[r][1]);
      }
    }
    UNROLL for (int r = 0; r < ROWS; r++) {
      const Floats factor = splat(inverseSums[r]);
      store(out + r * head.outStride + half * HALF, multiply(sums[r][0], factor));
      store(out + r * head.outStride + half * HALF + 16, multiply(sums[r][1], factor));
    }
  }
}

static ALWAYS_INLINE __mmask16 laneMask(int lanes) { return (__mmask16)(lanes >= 16 ? 0xffff : lanes <= 0 ? 0 : (1 << lanes) - 1); }

/** The careful way: the largest score of each row first, then shares of 2^(score - largest). */
template <int ROWS, int HALVES, int STRIDE, class Numbers>
static __attribute__((noinline)) void attendCarefully(const AttentionHead<Numbers>& head, int first) {
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
    for (int j = 0; j < length; j += 16) top = _mm512_mask_max_ps(top, laneMask(length - j), top, load(scores + j));
    top = splat(_mm512_reduce_max_ps(top));
    for (int j = 0; j < length; j += 16) {
      const Floats share = _mm512_maskz_mov_ps(laneMask(length - j), Numbers::powerFromBelow(subtract(load(scores + j), top)));
      sum = add(sum, share);
      Numbers::storeNumbers(head.shares + r * STRIDE + j, share);
    }
    inverseSums[r] = 1.f / _mm512_reduce_add_ps(sum);
  }
  mixValues<ROWS, HALVES, STRIDE>(head, inverseSums, head.out + (size_t)first * head.outStride);
}

/** Shares of 16 * BLOCKS keys as 2^score, their sums, and the largest score's magnitude. Lanes that `mask` leaves out of the last block have no share. */
template <int ROWS, int BLOCKS, int HALVES, int STRIDE, bool LAST, class Numbers, class Number = typename Numbers::Number>
static ALWAYS_INLINE void shareKeys(const AttentionHead<Numbers>& head, const Number* queries, int j, __mmask16 mask, Floats* sums, Floats& top) {
  Floats scores[ROWS][BLOCKS];
  scoreKeys<ROWS, BLOCKS, HALVES>(head, queries, head.keys + (size_t)j * HALVES * HALF, scores);
  UNROLL for (int r = 0; r < ROWS; r++) {
    Floats& last = scores[r][BLOCKS - 1];
    // Rows past the text belong to another, which must neither have a share nor lead the careful way.
    if (LAST) last = _mm512_maskz_mov_ps(mask, last);
    UNROLL for (int b = 0; b < BLOCKS; b++) {
      top = largerMagnitude(top, scores[r][b]);
      scores[r][b] = Numbers::power(scores[r][b]);
    }
    if (LAST) last = _mm512_maskz_mov_ps(mask, last);
    Number* to = head.shares + r * STRIDE + j;
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
  const __mmask16 mask = laneMask(head.length - (blocks - 1) * 16);
  Floats sums[ROWS], top = zeros();
  UNROLL for (int r = 0; r < ROWS; r++) sums[r] = zeros();
  int b = 0;
  for (; b + 2 < blocks; b += 2) shareKeys<ROWS, 2, HALVES, STRIDE, false>(head, queries, b * 16, mask, sums, top);
  if (b + 2 == blocks) {
    shareKeys<ROWS, 2, HALVES, STRIDE, true>(head, queries, b * 16, mask, sums, top);
  } else {
    shareKeys<ROWS, 1, HALVES, STRIDE, true>(head, queries, b * 16, mask, sums, top);
  }
  if (_mm512_reduce_max_ps(top) > LARGEST_BARE_SCORE) {
    constexpr int STEP = ROWS % 2 ? 1 : 2;  // rare: small blocks, so that there is little code
    for (int r = 0; r < ROWS; r += STEP) attendCarefully<STEP, HALVES, STRIDE>(head, first + r);
    return;
  }
  float inverseSums[ROWS];
  for (int r = 0; r < ROWS; r++) inverseSums[r] = 1.f / _mm512_reduce_add_ps(sums[r]);
  mixValues<ROWS, HALVES, STRIDE>(head, inverseSums, head.out + (size_t)first * head.outStride);
}

/** `count` rows from `first` on. */
template <int HALVES, int STRIDE, class Numbers>
static void attendByVectors(const AttentionHead<Numbers>& head, int first, int count) {
  int at = first;
  const int end = first + count;
  for (; at + 12 <= end; at += 12) attend<12, HALVES, STRIDE>(head, at);
  if (at + 8 <= end) attend<8, HALVES, STRIDE>(head, at), at += 8;
  if (at + 6 <= end) attend<6, HALVES, STRIDE>(head, at), at += 6;
  if (at + 4 <= end) attend<4, HALVES, STRIDE>(head, at), at += 4;
  if (at + 2 <= end) attend<2, HALVES, STRIDE>(head, at), at += 2;
  if (at < end) attend<1, HALVES, STRIDE>(head, at);
}

/** 16 keys behind one another as [columns of four bytes][16 keys]. Rows past the text are read and left out later. */
template <class Number>
static void packKeys(const Number* keys, size_t keyHalf, int halves, int length, Number* to) {
  constexpr int COLUMNS = 64 / (int)sizeof(Number);
  for (int j = 0; j < length; j += 16) {
    for (int half = 0; half < halves; half++) {
      for (int column = 0; column < HALF; column += COLUMNS, to += 16 * COLUMNS) {
        Integers rows[16];
        UNROLL for (int i = 0; i < 16; i++) rows[i] = _mm512_loadu_si512(keys + half * keyHalf + (size_t)(j + i) * HALF + column);
        transpose(rows);
        UNROLL for (int i = 0; i < 16; i++) _mm512_store_si512(to + i * COLUMNS, rows[i]);
      }
    }
  }
}
