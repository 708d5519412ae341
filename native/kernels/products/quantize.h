// Rows of float32 as unsigned bytes with one scale for each row.
#pragma once
#include "quantized-product.h"

/** Rows of nothing but zeros get this magnitude, so that nothing is divided by zero. */
constexpr float LEAST_MAGNITUDE = 1e-20f;

/** 64 values that are already scaled and shifted, as bytes; what lies outside 0...255 is cut. */
static ALWAYS_INLINE void storeBytes(uint8_t* to, Floats a, Floats b, Floats c, Floats d) {
  storeBytes(to, toIntegers(a), toIntegers(b), toIntegers(c), toIntegers(d));
}

/** Bytes of a row around the zero point, given its largest magnitude. */
static ALWAYS_INLINE void storeAroundZeroPoint(const float* row, int size, float magnitude, uint8_t* to) {
  const Floats factor = splat((float)MOST_BYTE / magnitude), zeroPoint = splat((float)ZERO_POINT);
  _Pragma("GCC unroll 2") for (int i = 0; i < size; i += 64) {
    storeBytes(to + i, multiplyAdd(load(row + i), factor, zeroPoint), multiplyAdd(load(row + i + 16), factor, zeroPoint),
               multiplyAdd(load(row + i + 32), factor, zeroPoint), multiplyAdd(load(row + i + 48), factor, zeroPoint));
  }
}

/** Quantises a row around the zero point and returns its scale, which is NaN where a value is not finite, so that the logit shows it. */
static ALWAYS_INLINE float quantizeRow(const float* row, int size, uint8_t* to) {
  Floats top0 = zeros(), top1 = zeros(), trace = zeros();
  for (int i = 0; i < size; i += 32) {
    const Floats a = load(row + i), b = load(row + i + 16);
    top0 = largerMagnitude(top0, a);
    top1 = largerMagnitude(top1, b);
    trace = multiplyAdd(a, zeros(), multiplyAdd(b, zeros(), trace));
  }
  const float magnitude = larger(largestOf(largerMagnitude(top0, top1)), LEAST_MAGNITUDE);
  storeAroundZeroPoint(row, size, magnitude, to);
  return magnitude * (1.f / MOST_BYTE) + sumOf(trace);
}
