// Rows of hidden states have a few columns that are many times larger than the others, the same in every row (T. Dettmers et al., 2022, arXiv:2208.07339). One scale
// for a row would leave the rest few of its 127 steps: of the shipped reranker's error in int8, nine tenths came from there. So the largest columns are written as a sum of
// COPIES bytes, and the matrix has their weights as often: integers as before, and a scale that may be COPIES times as fine.
#pragma once
#include "../engine.h"
#include "arena.h"
#include "normalize.h"
#include "quantized-product.h"

constexpr int OUTLIERS = 16;
constexpr int COPIES = 4;
/** Inputs that stand behind a matrix's own: copies of the outliers' columns, 16 at a time. */
constexpr int MORE_INPUTS = OUTLIERS * (COPIES - 1);
static_assert(MAX_HIDDEN + MORE_INPUTS <= (int)HIDDEN_STRIDE, "a quantised row must have room for the copies");

/** Until `choose` there are none: the masks have all columns, and 16 times the first has copies of nothing. */
struct OutlierColumns {
  int32_t* columns;
  uint16_t* others;  // masks of the columns that are none, by 16
};

static void layOut(OutlierColumns& outliers, int hidden, Arena& arena) {
  arena.take(outliers.columns, OUTLIERS);
  arena.take(outliers.others, (size_t)hidden / 16);
}

static void clearOutliers(OutlierColumns& outliers, int hidden) {
  for (int i = 0; i < hidden / 16; i++) outliers.others[i] = 0xffff;
}

/** The columns with the largest sums of squares; of equal ones the first. */
static void chooseOutliers(OutlierColumns& outliers, const float* squares, int hidden) {
  clearOutliers(outliers, hidden);
  for (int i = 0; i < OUTLIERS; i++) {
    int best = -1;
    for (int column = 0; column < hidden; column++) {
      const bool isFree = (outliers.others[column / 16] >> (column % 16)) & 1;
      if (isFree && (best < 0 || squares[column] > squares[best])) best = column;
    }
    outliers.columns[i] = best;
    outliers.others[best / 16] = (uint16_t)(outliers.others[best / 16] & ~(1 << (best % 16)));
  }
}

/** Gives a matrix whose last MORE_INPUTS inputs are zero the weights of the outliers' copies. */
static void copyOutlierWeights(QuantizedMatrix& matrix, const OutlierColumns& outliers) {
  const int own = matrix.inputs - MORE_INPUTS;
  for (int output = 0; output < matrix.outputs; output++) {
    const int lane = output % PANEL;
    int8_t* panel = matrix.weights + (size_t)(output - lane) * (size_t)matrix.inputs + lane * 4;
    const auto at = [&](int input) { return panel + (size_t)(input / 4) * 4 * PANEL + input % 4; };
    for (int i = 0; i < MORE_INPUTS; i++) {
      const int8_t weight = *at(outliers.columns[i % OUTLIERS]);
      *at(own + i) = weight;
      matrix.starts[output] -= 128 * weight;
    }
  }
}

static ALWAYS_INLINE Integers cutToByte(Integers values) {
  return _mm512_min_epi32(_mm512_max_epi32(values, _mm512_setzero_si512()), _mm512_set1_epi32(255));
}

/** As `quantizeRow`, with copies behind the row's own bytes. */
static ALWAYS_INLINE float quantizeWithOutliers(const float* row, int size, const OutlierColumns& outliers, uint8_t* to) {
  Floats top0 = zeros(), top1 = zeros(), trace = zeros();
  for (int i = 0; i < size; i += 32) {
    const Floats a = load(row + i), b = load(row + i + 16);
    top0 = _mm512_mask_range_ps(top0, outliers.others[i / 16], top0, a, 0b1011);
    top1 = _mm512_mask_range_ps(top1, outliers.others[i / 16 + 1], top1, b, 0b1011);
    trace = multiplyAdd(a, zeros(), multiplyAdd(b, zeros(), trace));
  }
  const Floats large = _mm512_i32gather_ps(_mm512_loadu_si512(outliers.columns), row, sizeof(float));
  const float share = _mm512_reduce_max_ps(_mm512_abs_ps(large)) * (1.f / COPIES);
  const float magnitude = larger(larger(_mm512_reduce_max_ps(largerMagnitude(top0, top1)), share), LEAST_MAGNITUDE);
  storeAroundZeroPoint(row, size, magnitude, to);  // of a large value what a byte holds
  const Integers zeroPoint = _mm512_set1_epi32(128);
  const Integers whole = _mm512_cvtps_epi32(multiplyAdd(large, splat(127.f / magnitude), splat(128.f)));
  Integers rest = _mm512_sub_epi32(whole, cutToByte(whole));
  UNROLL for (int i = 0; i < COPIES - 1; i++) {
    const Integers byte = cutToByte(_mm512_add_epi32(rest, zeroPoint));
    rest = _mm512_sub_epi32(rest, _mm512_sub_epi32(byte, zeroPoint));
    _mm_storeu_si128((__m128i*)(to + size + i * OUTLIERS), _mm512_cvtepi32_epi8(byte));
  }
  return magnitude * (1.f / 127.f) + _mm512_reduce_add_ps(trace);
}

/** As `ResidualNormSink`, for a product that has its outliers' columns more than once. */
struct OutlierNormSink {
  float* unfinished;
  float* hidden;
  const LayerNorm* norm;
  const OutlierColumns* outliers;
  uint8_t* bytes;
  float* scales;
  Floats sums[BLOCK_ROWS];

  ALWAYS_INLINE void put(int first, int r, int output, const Floats (&values)[2]) {
    const float* residual = hidden + (size_t)(first + r) * norm->size + output;
    float* to = unfinished + r * UNFINISHED_HIDDEN_STRIDE + output;
    const Floats a = add(values[0], load(residual)), b = add(values[1], load(residual + 16));
    store(to, a);
    store(to + 16, b);
    const Floats sum = add(a, b);
    sums[r] = output ? add(sums[r], sum) : sum;
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int first) {
    float* rows = hidden + (size_t)first * norm->size;
    normalizeRows<ROWS>(unfinished, sums, *norm, rows, nullptr, HIDDEN_STRIDE, scales + first);
    for (int r = 0; r < ROWS; r++) {
      scales[first + r] = quantizeWithOutliers(rows + (size_t)r * norm->size, norm->size, *outliers, bytes + (size_t)(first + r) * HIDDEN_STRIDE);
    }
  }
};
