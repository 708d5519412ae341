// Rows of float32 as unsigned bytes with one scale for each row.
#pragma once
#include "vectors.h"

/** Rows of nothing but zeros get this magnitude, so that nothing is divided by zero. */
constexpr float LEAST_MAGNITUDE = 1e-20f;

/** 64 values that are already scaled and shifted to 0...255, as bytes; what lies outside is cut. */
static ALWAYS_INLINE void storeBytes(uint8_t* to, Floats a, Floats b, Floats c, Floats d) {
  const Integers low = _mm512_packs_epi32(_mm512_cvtps_epi32(a), _mm512_cvtps_epi32(b));
  const Integers high = _mm512_packs_epi32(_mm512_cvtps_epi32(c), _mm512_cvtps_epi32(d));
  // Packing works within each 128 bits; this undoes the interleaving.
  const Integers order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(to, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high)));
}

/** Bytes of a row around the zero point 128, given its largest magnitude. */
static ALWAYS_INLINE void storeAroundZeroPoint(const float* row, int size, float magnitude, uint8_t* to) {
  const Floats factor = splat(127.f / magnitude), zeroPoint = splat(128.f);
  _Pragma("GCC unroll 2") for (int i = 0; i < size; i += 64) {
    storeBytes(to + i, multiplyAdd(load(row + i), factor, zeroPoint), multiplyAdd(load(row + i + 16), factor, zeroPoint),
               multiplyAdd(load(row + i + 32), factor, zeroPoint), multiplyAdd(load(row + i + 48), factor, zeroPoint));
  }
}

/** Quantises a row around the zero point 128 and returns its scale, which is NaN where a value is not finite, so that the logit shows it. */
static ALWAYS_INLINE float quantizeRow(const float* row, int size, uint8_t* to) {
  Floats top0 = zeros(), top1 = zeros(), trace = zeros();
  for (int i = 0; i < size; i += 32) {
    const Floats a = load(row + i), b = load(row + i + 16);
    top0 = largerMagnitude(top0, a);
    top1 = largerMagnitude(top1, b);
    trace = multiplyAdd(a, zeros(), multiplyAdd(b, zeros(), trace));
  }
  const float magnitude = larger(_mm512_reduce_max_ps(largerMagnitude(top0, top1)), LEAST_MAGNITUDE);
  storeAroundZeroPoint(row, size, magnitude, to);
  return magnitude * (1.f / 127.f) + _mm512_reduce_add_ps(trace);
}
