// softmax(Q K^T) V of one text and one head, in bfloat16 with sums in float32 (A. Vaswani et al., 2017, arXiv:1706.03762). The factor log2(e) / sqrt(head size) is in the
// weights of the query, so that a share is a power of two.
//
// Columns go by halves of 32: a head of 64 has two.
#pragma once
#include "exponential.h"
#include "transpose.h"

constexpr int ATTENTION_ROWS = 12;
constexpr int HALF = 32;
/** Scores from one row to the next: constants again, no multiples of 4,096 bytes, with room for a block of 32 that begins within the text. */
constexpr int SHORT_LENGTH = 512, LONG_LENGTH = 8192;
constexpr int SHORT_STRIDE = SHORT_LENGTH + 32, LONG_STRIDE = LONG_LENGTH + 32;
/**
 * Scores up to this magnitude need no largest score: 2^64 * 8,192 shares * values below 2^50 stay within float32, and floating point keeps the digits of
 * small shares. Larger ones go the careful way.
 */
constexpr float LARGEST_BARE_SCORE = 64.f;

/** One text and head. `keys` and `values` are packed; queries lie as the product wrote them. */
struct AttentionHead {
  const uint16_t* queries;
  size_t queryHalf;
  uint16_t* keys;
  uint16_t* values;
  size_t valueHalf;
  int length;
  float* scores;
  uint16_t* shares;
  float* out;
  size_t outStride;
};

static ALWAYS_INLINE Floats multiplyAddPairs(Floats sum, Integers a, Integers b) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }

/** Scores of ROWS queries and 16 * BLOCKS keys. */
template <int ROWS, int BLOCKS, int HALVES>
static ALWAYS_INLINE void scoreKeys(const AttentionHead& head, const uint16_t* queries, const uint16_t* keys, Floats (&scores)[ROWS][BLOCKS]) {
  UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int b = 0; b < BLOCKS; b++) scores[r][b] = zeros();
  for (int half = 0; half < HALVES; half++) {
    const uint16_t *q = queries + half * head.queryHalf, *k = keys + half * 16 * HALF;
    _Pragma("GCC unroll 1") for (int d = 0; d < HALF / 2; d++) {
      Integers key[BLOCKS];
      UNROLL for (int b = 0; b < BLOCKS; b++) key[b] = _mm512_load_si512(k + b * HALVES * 16 * HALF + d * 32);
      UNROLL for (int r = 0; r < ROWS; r++) {
        const Integers query = splatFourBytes(q + r * HALF + d * 2);
        UNROLL for (int b = 0; b < BLOCKS; b++) scores[r][b] = multiplyAddPairs(scores[r][b], query, key[b]);
      }
    }
  }
}

/** The values of all tokens, weighted by unfinished shares, times what makes the shares sum to one. */
template <int ROWS, int HALVES, int STRIDE>
static ALWAYS_INLINE void mixValues(const AttentionHead& head, const uint16_t* shares, const float* inverseSums, float* out) {
  for (int half = 0; half < HALVES; half++) {
    const uint16_t* values = head.values + half * head.valueHalf;
    Floats sums[ROWS][2];
    UNROLL for (int r = 0; r < ROWS; r++) sums[r][0] = sums[r][1] = zeros();
    _Pragma("GCC unroll 1") for (int pair = 0; pair < (head.length + 1) / 2; pair++) {
      const Integers value0 = _mm512_load_si512(values + pair * 64), value1 = _mm512_load_si512(values + pair * 64 + 32);
      UNROLL for (int r = 0; r < ROWS; r++) {
        const Integers share = splatFourBytes(shares + r * STRIDE + pair * 2);
        sums[r][0] = multiplyAddPairs(sums[r][0], share, value0);
        sums[r][1] = multiplyAddPairs(sums[r][1], share, value1);
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
template <int ROWS, int HALVES, int STRIDE>
static __attribute__((noinline)) void attendCarefully(const AttentionHead& head, int first) {
  const int length = head.length;
  const uint16_t* queries = head.queries + (size_t)first * HALF;
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
      const Floats share = _mm512_maskz_mov_ps(laneMask(length - j), coarsePowerOfTwoFromBelow(subtract(load(scores + j), top)));
      sum = add(sum, share);
      _mm256_storeu_si256((__m256i*)(head.shares + r * STRIDE + j), (__m256i)_mm512_cvtneps_pbh(share));
    }
    inverseSums[r] = 1.f / _mm512_reduce_add_ps(sum);
  }
  mixValues<ROWS, HALVES, STRIDE>(head, head.shares, inverseSums, head.out + (size_t)first * head.outStride);
}

/** Shares of 16 * BLOCKS keys as 2^score, their sums, and the largest score's magnitude. Lanes that `mask` leaves out of the last block have no share. */
template <int ROWS, int BLOCKS, int HALVES, int STRIDE, bool LAST>
static ALWAYS_INLINE void shareKeys(const AttentionHead& head, const uint16_t* queries, int j, __mmask16 mask, Floats* sums, Floats& top) {
  Floats scores[ROWS][BLOCKS];
  scoreKeys<ROWS, BLOCKS, HALVES>(head, queries, head.keys + (size_t)j * HALVES * HALF, scores);
  UNROLL for (int r = 0; r < ROWS; r++) {
    Floats& last = scores[r][BLOCKS - 1];
    // Rows past the text belong to another, which must neither have a share nor lead the careful way.
    if (LAST) last = _mm512_maskz_mov_ps(mask, last);
    UNROLL for (int b = 0; b < BLOCKS; b++) {
      top = largerMagnitude(top, scores[r][b]);
      scores[r][b] = coarsePowerOfTwo(scores[r][b]);
    }
    if (LAST) last = _mm512_maskz_mov_ps(mask, last);
    uint16_t* to = head.shares + r * STRIDE + j;
    if (BLOCKS == 2) {
      sums[r] = add(sums[r], add(scores[r][0], last));
      _mm512_storeu_si512(to, (Integers)_mm512_cvtne2ps_pbh(last, scores[r][0]));
    } else {
      sums[r] = add(sums[r], last);
      _mm256_storeu_si256((__m256i*)to, (__m256i)_mm512_cvtneps_pbh(last));
    }
  }
}

/** ROWS queries of a text. Which way they go depends on their own scores alone, and the blocks begin where the text does. */
template <int ROWS, int HALVES, int STRIDE>
static __attribute__((noinline)) void attend(const AttentionHead& head, int first) {
  const uint16_t* queries = head.queries + (size_t)first * HALF;
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
  mixValues<ROWS, HALVES, STRIDE>(head, head.shares, inverseSums, head.out + (size_t)first * head.outStride);
}

template <int HALVES, int STRIDE>
static void attendToAll(const AttentionHead& head) {
  int at = 0;
  for (; at + 12 <= head.length; at += 12) attend<12, HALVES, STRIDE>(head, at);
  if (at + 8 <= head.length) attend<8, HALVES, STRIDE>(head, at), at += 8;
  if (at + 6 <= head.length) attend<6, HALVES, STRIDE>(head, at), at += 6;
  if (at + 4 <= head.length) attend<4, HALVES, STRIDE>(head, at), at += 4;
  if (at + 2 <= head.length) attend<2, HALVES, STRIDE>(head, at), at += 2;
  if (at < head.length) attend<1, HALVES, STRIDE>(head, at);
}

/** 16 keys behind one another as [two columns][16 keys][2]. Rows past the text are read and left out later. */
static void packKeys(const uint16_t* keys, size_t keyHalf, int halves, int length, uint16_t* to) {
  for (int j = 0; j < length; j += 16) {
    for (int half = 0; half < halves; half++, to += 16 * HALF) {
      Integers rows[16];
      UNROLL for (int i = 0; i < 16; i++) rows[i] = _mm512_loadu_si512(keys + half * keyHalf + (size_t)(j + i) * HALF);
      transpose(rows);
      UNROLL for (int i = 0; i < 16; i++) _mm512_store_si512(to + i * HALF, rows[i]);
    }
  }
}

/** Two tokens' values column by column, as [two tokens][32 columns][2]. A token after the last has zeros. */
static void packValues(const uint16_t* values, int length, uint16_t* to) {
  // 0, 32, 1, 33...: the first 16 columns of one row and the next; the second index adds 16 to each.
  const Integers low = _mm512_add_epi16(_mm512_set1_epi32(32 << 16),
                                        _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                                           _mm512_set1_epi32(0x00010001)));
  const Integers high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  for (int j = 0; j < length; j += 2, to += 64) {
    const Integers a = _mm512_loadu_si512(values + (size_t)j * HALF);
    const Integers b = j + 1 < length ? _mm512_loadu_si512(values + (size_t)(j + 1) * HALF) : _mm512_setzero_si512();
    _mm512_store_si512(to, _mm512_permutex2var_epi16(a, low, b));
    _mm512_store_si512(to + 32, _mm512_permutex2var_epi16(a, high, b));
  }
}
