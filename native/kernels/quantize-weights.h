// Weights of an output as signed bytes with one scale.
#pragma once
#include "quantized-product.h"

struct QuantizedOutput {
  float scale;
  /** Of all its integers. */
  int32_t sum;
};

/** round(w / scale), in two bytes where the input is there twice for its weights' sake. */
template <class WeightOf>
static int32_t writeWeights(const QuantizedMatrix& matrix, int output, const WeightOf& weightOf, float scale) {
  int8_t* panel = weightAt(matrix, output, 0);
  int32_t sum = 0;
  for (int k = 0; k < matrix.inputs; k++) {
    const int32_t quantized = _mm_cvtss_si32(_mm_set_ss(weightOf(k) / scale));
    sum += quantized;
    panel[(size_t)(k / 4) * 4 * PANEL + (size_t)(k % 4)] = (int8_t)quantized;
  }
  for (int i = 0; matrix.heavy && i < HIGH_INPUTS; i++) {
    const int input = matrix.heavy[i];
    const int32_t quantized = _mm_cvtss_si32(_mm_set_ss(weightOf(input) / scale)), high = (quantized + (1 << (HIGH_SHIFT - 1))) >> HIGH_SHIFT;
    *weightAt(matrix, output, input) = (int8_t)(quantized - high * (1 << HIGH_SHIFT));
    *weightAt(matrix, output, i - HIGH_INPUTS) = (int8_t)high;
  }
  return sum;
}

/** With the least scale from `least` on with which the sums of products are exact. */
template <class WeightOf>
static QuantizedOutput quantizeWeights(const QuantizedMatrix& matrix, int output, const WeightOf& weightOf, float least) {
  for (float scale = least;; scale *= 1.01f) {
    const int32_t sum = writeWeights(matrix, output, weightOf, scale);
    if (isExact(weightAt(matrix, output, 0), matrix.inputs)) return {scale, sum};
  }
}
