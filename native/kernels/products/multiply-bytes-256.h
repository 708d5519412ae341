// Products of bytes with AVX2, which multiplies two unsigned bytes by two signed ones in each 16 bits and cuts their sum to them. Two such sums are added in 16 bits and only then
// widened to 32: five operations for 64 multiply-adds. Widening each, or multiplying 16 bits by 16 bits, takes six or eight.
//
// Nothing is ever cut: rows have fewer than 256 steps, and an output's scale is so large that the positive weights of each four that are added in 16 bits, and the negative
// ones, come to MOST_OF_FOUR at most. Of all-MiniLM-L6-v2 with 127 steps they come to 218 or so. So a weight's step is 1.3 times that of multiply-bytes-512.h, and a row's
// 127 / 95 times, which costs the logits fewer digits than if one of them bore it all.
#pragma once
#include "../vectors/vectors.h"

/** A row's bytes around zero are so much more than they mean, and what they mean is at most MOST_BYTE in magnitude. */
constexpr int ZERO_POINT = 95, MOST_BYTE = 95;
/** The same of high bytes (quantized-product.h): of rows so few that no weights matter, and of weights so few that they add up to less than MOST_OF_FOUR. */
constexpr int HIGH_ZERO_POINT = 32, MOST_HIGH = 31;
/** What the largest of a row is that begins at zero. gelu's estimates (gelu.h) may make another one step larger. */
constexpr int MOST_UNSIGNED = 189;
constexpr int MOST_OF_FOUR = 172;
static_assert((MOST_UNSIGNED + 1) * MOST_OF_FOUR < 1 << 15 && 2 * ZERO_POINT <= MOST_UNSIGNED + 1, "sums must fit 16 bits");
static_assert(2 * HIGH_ZERO_POINT * 4 * 127 < 1 << 15 && 4 * MOST_HIGH <= MOST_OF_FOUR, "and those of high bytes");
/** Most rows of a block: of 16 outputs they have eight registers of sums, beside four of weights, ones, two of activations and one of products. */
constexpr int BLOCK_ROWS = 4;
/** Rows that go by a panel of weights before the next (quantized-product.h). */
constexpr int ROWS_TOGETHER = 24;
/** How far ahead of the product weights are fetched, in bytes. */
constexpr size_t PREFETCH_DISTANCE = 1024;

/**
 * The largest sum of the positive weights of any four of an output that are added in 16 bits, and of the negative ones: two neighbours, and the two that are four behind them. All
 * are multiplied by `factor` first.
 */
static float largestOfFours(const float* weights, int inputs, float factor) {
  const __m256 factors = _mm256_set1_ps(factor), zero = _mm256_setzero_ps();
  __m256 most = zero;
  const auto take = [&](__m256 firstFours, __m256 secondFours) __attribute__((always_inline)) {
    // Even lanes have the sums, odd ones what is in no group.
    const __m256 two = _mm256_add_ps(firstFours, _mm256_movehdup_ps(firstFours)), three = _mm256_add_ps(two, secondFours);
    const __m256 four = _mm256_add_ps(three, _mm256_movehdup_ps(secondFours));
    most = _mm256_max_ps(most, _mm256_moveldup_ps(four));
  };
  for (int k = 0; k < inputs; k += 16) {
    const __m256 a = _mm256_mul_ps(_mm256_loadu_ps(weights + k), factors), b = _mm256_mul_ps(_mm256_loadu_ps(weights + k + 8), factors);
    const __m256 first = _mm256_permute2f128_ps(a, b, 0x20), second = _mm256_permute2f128_ps(a, b, 0x31);
    take(_mm256_max_ps(first, zero), _mm256_max_ps(second, zero));
    take(_mm256_max_ps(_mm256_sub_ps(zero, first), zero), _mm256_max_ps(_mm256_sub_ps(zero, second), zero));
  }
  return largestOf({most, zero});
}

/** Whether no sum of an output's integers can be cut, whatever the rows. High inputs need no look. */
static bool isExact(const int8_t* integers, int inputs) {
  const __m256i ones = _mm256_set1_epi8(1), zero = _mm256_setzero_si256(), limit = _mm256_set1_epi16(MOST_OF_FOUR);
  __m256i tooLarge = zero;
  for (int k = 0; k < inputs; k += 32) {
    const __m256i weights = _mm256_loadu_si256((const __m256i*)(integers + k)), signs = _mm256_cmpgt_epi8(zero, weights);
    const __m256i parts[] = {_mm256_andnot_si256(signs, weights), _mm256_and_si256(signs, _mm256_sub_epi8(zero, weights))};
    UNROLL for (int i = 0; i < 2; i++) {
      const __m256i twos = _mm256_maddubs_epi16(parts[i], ones);
      // Of eight inputs: two sums in 32 bits, and the two of the four behind them in the next 32.
      const __m256i fours = _mm256_add_epi16(twos, _mm256_shuffle_epi32(twos, 0b10110001));
      tooLarge = _mm256_or_si256(tooLarge, _mm256_cmpgt_epi16(fours, limit));
    }
  }
  return _mm256_testz_si256(tooLarge, tooLarge);
}

/** The least scale with which that may be so. */
static float leastScale(const float* weights, int inputs) { return largestOfFours(weights, inputs, 1.f / MOST_OF_FOUR); }

/** Weights are [four inputs][32 outputs][4]. */
template <int ROWS, size_t STRIDE>
static ALWAYS_INLINE void addProducts(const uint8_t* rows, const int8_t* weights, int inputs, Integers (&sums)[ROWS][2]) {
  const __m256i ones = _mm256_set1_epi16(1);
  UNROLL for (int half = 0; half < 2; half++) {
    __m256i own[ROWS][2];
    UNROLL for (int r = 0; r < ROWS; r++) {
      own[r][0] = sums[r][half].low;
      own[r][1] = sums[r][half].high;
    }
    _Pragma("GCC unroll 1") for (int k = 0; k < inputs; k += 8) {
      const int8_t* at = weights + (size_t)k * 32 + half * 64;
      const __m256i upper[2] = {_mm256_load_si256((const __m256i*)at), _mm256_load_si256((const __m256i*)at + 1)};
      const __m256i lower[2] = {_mm256_load_si256((const __m256i*)at + 4), _mm256_load_si256((const __m256i*)at + 5)};
      _mm_prefetch((const char*)at + PREFETCH_DISTANCE, _MM_HINT_T0);
      _mm_prefetch((const char*)at + PREFETCH_DISTANCE + 128, _MM_HINT_T0);
      UNROLL for (int r = 0; r < ROWS; r++) {
        const __m256i first = splatFourBytes(rows + r * STRIDE + k).low, second = splatFourBytes(rows + r * STRIDE + k + 4).low;
        UNROLL for (int v = 0; v < 2; v++) {
          const __m256i sum = _mm256_add_epi16(_mm256_maddubs_epi16(first, upper[v]), _mm256_maddubs_epi16(second, lower[v]));
          own[r][v] = _mm256_add_epi32(own[r][v], _mm256_madd_epi16(sum, ones));
        }
      }
    }
    UNROLL for (int r = 0; r < ROWS; r++) sums[r][half] = {own[r][0], own[r][1]};
  }
}
