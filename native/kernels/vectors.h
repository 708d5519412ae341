// The vector types of AVX-512 and the few operations on them that every kernel uses.
#pragma once
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))
// A kernel whose shape is a template argument keeps its tile in registers only if it is unrolled altogether.
#define UNROLL _Pragma("GCC unroll 64")

using Floats = __m512;
using Integers = __m512i;

static ALWAYS_INLINE Floats splat(float value) { return _mm512_set1_ps(value); }
static ALWAYS_INLINE Floats zeros() { return _mm512_setzero_ps(); }
static ALWAYS_INLINE Floats load(const float* from) { return _mm512_loadu_ps(from); }
static ALWAYS_INLINE void store(float* to, Floats values) { _mm512_storeu_ps(to, values); }
static ALWAYS_INLINE Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
static ALWAYS_INLINE Floats subtract(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
static ALWAYS_INLINE Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
static ALWAYS_INLINE Floats multiplyAdd(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }

/** The larger magnitude of each pair, positive. One operation; a NaN beside a number is passed over. */
static ALWAYS_INLINE Floats largerMagnitude(Floats a, Floats b) { return _mm512_range_ps(a, b, 0b1011); }

/** Four bytes, or two bfloat16, in every lane. */
static ALWAYS_INLINE Integers splatFourBytes(const void* from) {
  int32_t value;
  __builtin_memcpy(&value, from, sizeof value);
  return _mm512_set1_epi32(value);
}

static ALWAYS_INLINE float squareRoot(float value) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(value))); }

/** The larger of two, `b` where one is no number. */
static ALWAYS_INLINE float larger(float a, float b) { return a > b ? a : b; }
