// Rows of hidden states have a few columns that are many times larger than the others, the same in every row (T. Dettmers et al., 2022, arXiv:2208.07339); of a text's first
// row one column may be nearly all there is (M. Sun et al., 2024, arXiv:2402.17762). One scale for a row would leave the rest few of its steps: most of int8's error
// in a MiniLM and in the shipped reranker came from there. So the largest columns are integers of two bytes, the high one read as an input of its own
// (quantized-product.h), and the others alone decide a row's scale.
#pragma once
#include "../vectors/arena.h"
#include "quantize.h"

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
    top0 = largerMagnitude(top0, a, outliers.others[i / 16]);
    top1 = largerMagnitude(top1, b, outliers.others[i / 16 + 1]);
    trace = multiplyAdd(a, zeros(), multiplyAdd(b, zeros(), trace));
  }
  const Floats large = gather(row, loadIntegers(outliers.columns));
  const float least = larger(largestOf(magnitudeOf(large)) * ((float)MOST_BYTE / MOST_WITH_HIGH), LEAST_MAGNITUDE);
  const float magnitude = larger(largestOf(largerMagnitude(top0, top1)), least);
  storeAroundZeroPoint(row, size, magnitude, to);
  const Integers half = splat(1 << (HIGH_SHIFT - 1));
  const Integers whole = toIntegers(multiply(large, splat((float)MOST_BYTE / magnitude)));
  const Integers high = shiftSignedRight<HIGH_SHIFT>(add(whole, half));
  const Integers low = subtract(whole, shiftLeft<HIGH_SHIFT>(high));
  storeLowBytes(to + size, add(high, splat(HIGH_ZERO_POINT)));
  uint8_t bytes[HIGH_INPUTS];
  storeLowBytes(bytes, add(low, splat(ZERO_POINT)));
  for (int i = 0; i < HIGH_INPUTS; i++) to[outliers.columns[i]] = bytes[i];
  return magnitude * (1.f / MOST_BYTE) + sumOf(trace);
}
