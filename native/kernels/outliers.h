// Rows of hidden states have a few columns that are many times larger than the others, the same in every row (T. Dettmers et al., 2022, arXiv:2208.07339); of a text's first
// row one column may be nearly all there is (M. Sun et al., 2024, arXiv:2402.17762). One scale for a row would leave the rest few of its 127 steps: most of int8's error
// in a MiniLM and in the shipped reranker came from there. So the largest columns are integers of two bytes, the high one read as an input of its own
// (quantized-product.h), and the others alone decide a row's scale.
#pragma once
#include "arena.h"
#include "quantize.h"
#include "quantized-product.h"

/** Which columns of a norm's rows they are (find-outliers.h). */
struct OutlierColumns {
  int32_t* columns;  // HIGH_INPUTS of them
  uint16_t* others;  // masks of the columns that are none, by 16
};

static void layOut(OutlierColumns& outliers, int hidden, Arena& arena) {
  arena.take(outliers.columns, HIGH_INPUTS);
  arena.take(outliers.others, (size_t)hidden / 16);
}

/** The places of the HIGH_INPUTS largest of `size` sums; of equal ones the first. */
static void chooseLargest(int32_t* chosen, const float* sums, int size) {
  for (int i = 0; i < HIGH_INPUTS; i++) {
    int best = -1;
    for (int place = 0; place < size; place++) {
      bool isFree = true;
      for (int j = 0; j < i; j++) isFree = isFree && chosen[j] != place;
      if (isFree && (best < 0 || sums[place] > sums[best])) best = place;
    }
    chosen[i] = best;
  }
}

static void chooseOutliers(OutlierColumns& outliers, const float* sums, int hidden) {
  chooseLargest(outliers.columns, sums, hidden);
  for (int i = 0; i < hidden / 16; i++) outliers.others[i] = 0xffff;
  for (int i = 0; i < HIGH_INPUTS; i++) {
    const int column = outliers.columns[i];
    outliers.others[column / 16] = (uint16_t)(outliers.others[column / 16] & ~(1 << (column % 16)));
  }
}

/** As `quantizeRow`, with the high bytes of the outliers behind the row's own. */
static ALWAYS_INLINE float quantizeWithOutliers(const float* row, int size, const OutlierColumns& outliers, uint8_t* to) {
  Floats top0 = zeros(), top1 = zeros(), trace = zeros();
  for (int i = 0; i < size; i += 32) {
    const Floats a = load(row + i), b = load(row + i + 16);
    top0 = _mm512_mask_range_ps(top0, outliers.others[i / 16], top0, a, 0b1011);
    top1 = _mm512_mask_range_ps(top1, outliers.others[i / 16 + 1], top1, b, 0b1011);
    trace = multiplyAdd(a, zeros(), multiplyAdd(b, zeros(), trace));
  }
  const Floats large = _mm512_i32gather_ps(_mm512_loadu_si512(outliers.columns), row, sizeof(float));
  const float least = larger(_mm512_reduce_max_ps(_mm512_abs_ps(large)) * (127.f / MOST_WITH_HIGH), LEAST_MAGNITUDE);
  const float magnitude = larger(_mm512_reduce_max_ps(largerMagnitude(top0, top1)), least);
  storeAroundZeroPoint(row, size, magnitude, to);
  const Integers zeroPoint = _mm512_set1_epi32(128), half = _mm512_set1_epi32(1 << (HIGH_SHIFT - 1));
  const Integers whole = _mm512_cvtps_epi32(multiply(large, splat(127.f / magnitude)));
  const Integers high = _mm512_srai_epi32(_mm512_add_epi32(whole, half), HIGH_SHIFT);
  const Integers low = _mm512_sub_epi32(whole, _mm512_slli_epi32(high, HIGH_SHIFT));
  _mm_storeu_si128((__m128i*)(to + size), _mm512_cvtepi32_epi8(_mm512_add_epi32(high, zeroPoint)));
  alignas(16) uint8_t bytes[HIGH_INPUTS];
  _mm_store_si128((__m128i*)bytes, _mm512_cvtepi32_epi8(_mm512_add_epi32(low, zeroPoint)));
  for (int i = 0; i < HIGH_INPUTS; i++) to[outliers.columns[i]] = bytes[i];
  return magnitude * (1.f / 127.f) + _mm512_reduce_add_ps(trace);
}
