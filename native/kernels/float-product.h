// Products in float32, for the few rows that need them: the last layer's attention and the head.
#pragma once
#include "vectors.h"

/** Panels of 32 outputs: [panel][input][32]. No biases are none. */
struct FloatMatrix {
  int inputs, outputs;
  float* weights;
  float* biases;
};

template <int ROWS>
static ALWAYS_INLINE void multiplyFloatPanel(const float* rows, size_t stride, const FloatMatrix& matrix, int output, float* out, size_t outStride) {
  const float* weights = matrix.weights + (size_t)output * matrix.inputs;
  const Floats bias0 = matrix.biases ? load(matrix.biases + output) : zeros(), bias1 = matrix.biases ? load(matrix.biases + output + 16) : zeros();
  Floats sums[ROWS][2];
  UNROLL for (int r = 0; r < ROWS; r++) {
    sums[r][0] = bias0;
    sums[r][1] = bias1;
  }
  _Pragma("GCC unroll 4") for (int k = 0; k < matrix.inputs; k++) {
    const float* at = weights + (size_t)k * 32;
    const Floats weights0 = load(at), weights1 = load(at + 16);
    _mm_prefetch((const char*)at + 1024, _MM_HINT_T0);
    _mm_prefetch((const char*)at + 1088, _MM_HINT_T0);
    UNROLL for (int r = 0; r < ROWS; r++) {
      const Floats activation = splat(rows[r * stride + k]);
      sums[r][0] = multiplyAdd(activation, weights0, sums[r][0]);
      sums[r][1] = multiplyAdd(activation, weights1, sums[r][1]);
    }
  }
  UNROLL for (int r = 0; r < ROWS; r++) {
    store(out + r * outStride + output, sums[r][0]);
    store(out + r * outStride + output + 16, sums[r][1]);
  }
}

static void multiplyFloatRows(const float* rows, size_t stride, int count, const FloatMatrix& matrix, float* out, size_t outStride) {
  for (int output = 0; output < matrix.outputs; output += 32) {
    int at = 0;
    for (; at + 8 <= count; at += 8) multiplyFloatPanel<8>(rows + at * stride, stride, matrix, output, out + at * outStride, outStride);
    if (at + 4 <= count) multiplyFloatPanel<4>(rows + at * stride, stride, matrix, output, out + at * outStride, outStride), at += 4;
    if (at + 2 <= count) multiplyFloatPanel<2>(rows + at * stride, stride, matrix, output, out + at * outStride, outStride), at += 2;
    if (at < count) multiplyFloatPanel<1>(rows + at * stride, stride, matrix, output, out + at * outStride, outStride);
  }
}
