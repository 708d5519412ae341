// Vectors of sixteen numbers of 32 bits and the operations on them that kernels use: with AVX-512 one register each, with AVX2 two. What multiplies bytes and bfloat16 stands
// where it is used.
#pragma once
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))
// A kernel whose shape is a template argument keeps its tile in registers only if it is unrolled altogether.
#define UNROLL _Pragma("GCC unroll 64")

constexpr int LANES = 16;

#ifdef __AVX512F__
#include "vectors-512.h"
#else
#include "vectors-256.h"
#endif

/** As bfloat16, the nearest, ties to even. What rounds to infinity does. */
static ALWAYS_INLINE void storeBfloat16(uint16_t* to, Floats values) {
#ifdef __AVX512BF16__
  _mm256_storeu_si256((__m256i*)to, (__m256i)_mm512_cvtneps_pbh(values));
#else
  // Numbers below 2^-126 are kept, which BF16's own operation makes zero.
  const Integers bits = asIntegers(values), odd = bitwiseAnd(shiftRight<16>(bits), splat(1));
  storeLowHalves(to, shiftRight<16>(add(bits, add(odd, splat(0x7fff)))));
#endif
}

/** Four bytes, or two bfloat16, in every lane. */
static ALWAYS_INLINE Integers splatFourBytes(const void* from) {
  int32_t value;
  __builtin_memcpy(&value, from, sizeof value);
  return splat(value);
}

/** The bits of the first `count` lanes. */
static ALWAYS_INLINE LaneBits firstLanes(int count) { return (LaneBits)(count >= LANES ? 0xffff : count <= 0 ? 0 : (1 << count) - 1); }

static ALWAYS_INLINE float squareRoot(float value) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(value))); }

/** The larger of two, `b` where one is no number. */
static ALWAYS_INLINE float larger(float a, float b) { return a > b ? a : b; }
