// Layer norm: (x - mean) / sqrt(variance + epsilon) * weight + bias (J. Ba, J. Kiros and G. Hinton, 2016, arXiv:1607.06450).
#pragma once
#include "outliers.h"

/** Floats from one unfinished row to the next: more than the largest row, and no multiple of 4,096 bytes. */
constexpr size_t UNFINISHED_HIDDEN_STRIDE = 1024 + 16;

struct LayerNorm {
  int size;
  float epsilon;
  float* weight;
  float* bias;
  OutlierColumns outliers;  // in int8
};

/**
 * Normalises rows whose sums are known. Every step is done for all rows before the next,
 * so that the long chains of the sums across lanes overlap. The variance is that of the differences from the mean: the mean of squares less the square of the mean
 * loses every digit where the mean is large.
 */
template <int ROWS>
static ALWAYS_INLINE void normalizeRows(const float* rows, const Floats* sums, const LayerNorm& norm, float* out, size_t stride = UNFINISHED_HIDDEN_STRIDE) {
  const int size = norm.size;
  float mean[ROWS], inverse[ROWS];
  Floats squares[ROWS];
  for (int r = 0; r < ROWS; r++) mean[r] = sumOf(sums[r]) / (float)size;
  for (int r = 0; r < ROWS; r++) {
    const float* x = rows + r * stride;
    const Floats center = splat(mean[r]);
    Floats squares0 = zeros(), squares1 = zeros();
    _Pragma("GCC unroll 2") for (int i = 0; i < size; i += 32) {
      const Floats a = subtract(load(x + i), center), b = subtract(load(x + i + 16), center);
      squares0 = multiplyAdd(a, a, squares0);
      squares1 = multiplyAdd(b, b, squares1);
    }
    squares[r] = add(squares0, squares1);
  }
  for (int r = 0; r < ROWS; r++) inverse[r] = 1.f / squareRoot(sumOf(squares[r]) / (float)size + norm.epsilon);
  for (int r = 0; r < ROWS; r++) {
    const float* x = rows + r * stride;
    float* y = out + (size_t)r * size;
    const Floats center = splat(mean[r]), factor = splat(inverse[r]);
    _Pragma("GCC unroll 2") for (int i = 0; i < size; i += 32) {
      const Floats a = multiplyAdd(multiply(subtract(load(x + i), center), factor), load(norm.weight + i), load(norm.bias + i));
      const Floats b = multiplyAdd(multiply(subtract(load(x + i + 16), center), factor), load(norm.weight + i + 16), load(norm.bias + i + 16));
      store(y + i, a);
      store(y + i + 16, b);
    }
  }
}
