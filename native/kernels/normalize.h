// Layer norm: (x - mean) / sqrt(variance + epsilon) * weight + bias (J. Ba, J. Kiros and G. Hinton, 2016, arXiv:1607.06450).
#pragma once
#include "quantize.h"

/** Floats from one unfinished row to the next: more than the largest row, and no multiple of 4,096 bytes. */
constexpr size_t UNFINISHED_HIDDEN_STRIDE = 1024 + 16;

struct LayerNorm {
  int size;
  float epsilon;
  float* weight;
  float* bias;
};

/**
 * Normalises rows whose sums are known, writes them as float32 and, where `bytes` is given, quantised. Every step is done for all rows before the next,
 * so that the long chains of the sums across lanes overlap. The variance is that of the differences from the mean: the mean of squares less the square of the mean
 * loses every digit where the mean is large.
 */
template <int ROWS>
static ALWAYS_INLINE void normalizeRows(const float* rows, const Floats* sums, const LayerNorm& norm, float* out, uint8_t* bytes,
                                        size_t byteStride, float* scales) {
  const int size = norm.size;
  float mean[ROWS], inverse[ROWS], magnitude[ROWS];
  Floats squares[ROWS], top[ROWS];
  for (int r = 0; r < ROWS; r++) mean[r] = _mm512_reduce_add_ps(sums[r]) / (float)size;
  for (int r = 0; r < ROWS; r++) {
    const float* x = rows + r * UNFINISHED_HIDDEN_STRIDE;
    const Floats center = splat(mean[r]);
    Floats squares0 = zeros(), squares1 = zeros();
    _Pragma("GCC unroll 2") for (int i = 0; i < size; i += 32) {
      const Floats a = subtract(load(x + i), center), b = subtract(load(x + i + 16), center);
      squares0 = multiplyAdd(a, a, squares0);
      squares1 = multiplyAdd(b, b, squares1);
    }
    squares[r] = add(squares0, squares1);
  }
  for (int r = 0; r < ROWS; r++) inverse[r] = 1.f / squareRoot(_mm512_reduce_add_ps(squares[r]) / (float)size + norm.epsilon);
  for (int r = 0; r < ROWS; r++) {
    const float* x = rows + r * UNFINISHED_HIDDEN_STRIDE;
    float* y = out + (size_t)r * size;
    const Floats center = splat(mean[r]), factor = splat(inverse[r]);
    Floats top0 = zeros(), top1 = zeros();
    _Pragma("GCC unroll 2") for (int i = 0; i < size; i += 32) {
      const Floats a = multiplyAdd(multiply(subtract(load(x + i), center), factor), load(norm.weight + i), load(norm.bias + i));
      const Floats b = multiplyAdd(multiply(subtract(load(x + i + 16), center), factor), load(norm.weight + i + 16), load(norm.bias + i + 16));
      top0 = largerMagnitude(top0, a);
      top1 = largerMagnitude(top1, b);
      store(y + i, a);
      store(y + i + 16, b);
    }
    top[r] = largerMagnitude(top0, top1);
  }
  if (!bytes) return;
  for (int r = 0; r < ROWS; r++) magnitude[r] = larger(_mm512_reduce_max_ps(top[r]), LEAST_MAGNITUDE);
  for (int r = 0; r < ROWS; r++) {
    // A row with a value that is not finite has such an inverse: the difference carries it into the scale.
    scales[r] = magnitude[r] * (1.f / 127.f) + (inverse[r] - inverse[r]);
    storeAroundZeroPoint(out + (size_t)r * size, size, magnitude[r], bytes + r * byteStride);
  }
}
