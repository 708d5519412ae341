// What queries, keys, values and shares are held in: bfloat16, two to a multiplication with sums in float32, or float32. Both are read four bytes at a time.
#pragma once
#include "exponential.h"
#include "transpose.h"

/** Columns go by halves of 32: a head of 64 has two. */
constexpr int HALF = 32;

struct Bfloat16 {
  using Number = uint16_t;
  /** Neighbours in a row that one multiplication takes. */
  static constexpr int TOGETHER = 2;

  static ALWAYS_INLINE Floats multiplyAddTogether(Integers a, Integers b, Floats sum) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }
  /** 2^x for |x| <= 126. */
  static ALWAYS_INLINE Floats power(Floats x) { return coarsePowerOfTwo(x); }
  static ALWAYS_INLINE Floats powerFromBelow(Floats x) { return coarsePowerOfTwoFromBelow(x); }
  static ALWAYS_INLINE Floats loadNumbers(const Number* from) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)from)), 16));
  }
  static ALWAYS_INLINE void storeNumbers(Number* to, Floats values) { _mm256_storeu_si256((__m256i*)to, (__m256i)_mm512_cvtneps_pbh(values)); }
  static ALWAYS_INLINE void storeHalf(Number* to, Floats a, Floats b) { _mm512_storeu_si512(to, (Integers)_mm512_cvtne2ps_pbh(b, a)); }

  /** Two tokens' values column by column, as [32 columns][2]. */
  static ALWAYS_INLINE void packTwo(Integers a, Integers b, Number* to) {
    // 0, 32, 1, 33...: the first 16 columns of one row and the next; the second index adds 16 to each.
    const Integers low = _mm512_add_epi16(_mm512_set1_epi32(32 << 16),
                                          _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                                             _mm512_set1_epi32(0x00010001)));
    const Integers high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    _mm512_store_si512(to, _mm512_permutex2var_epi16(a, low, b));
    _mm512_store_si512(to + 32, _mm512_permutex2var_epi16(a, high, b));
  }

  /** All tokens' values, as [two tokens][32 columns][2]. Zeros for what is missing of the last 32 tokens. */
  static const Number* packValues(const Number* values, int length, Number* to) {
    const Number* packed = to;
    for (int j = 0; j < length; j += 2, to += 64) {
      const Integers a = _mm512_loadu_si512(values + (size_t)j * HALF);
      packTwo(a, j + 1 < length ? _mm512_loadu_si512(values + (size_t)(j + 1) * HALF) : _mm512_setzero_si512(), to);
    }
    clearBehind(length, to);
    return packed;
  }

  /** Behind the packed values of `length` tokens, to the end of the last 32. */
  static ALWAYS_INLINE void clearBehind(int length, Number* to) {
    for (int j = (length + 1) / 2 * 2; j % 32; j += 2, to += 64) {
      _mm512_store_si512(to, _mm512_setzero_si512());
      _mm512_store_si512(to + 32, _mm512_setzero_si512());
    }
  }
};

struct Float32 {
  using Number = float;
  static constexpr int TOGETHER = 1;

  static ALWAYS_INLINE Floats multiplyAddTogether(Integers a, Integers b, Floats sum) {
    return multiplyAdd(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum);
  }
  static ALWAYS_INLINE Floats power(Floats x) { return barePowerOfTwo(x); }
  static ALWAYS_INLINE Floats powerFromBelow(Floats x) { return powerOfTwo(x); }
  static ALWAYS_INLINE Floats loadNumbers(const Number* from) { return load(from); }
  static ALWAYS_INLINE void storeNumbers(Number* to, Floats values) { store(to, values); }
  static ALWAYS_INLINE void storeHalf(Number* to, Floats a, Floats b) {
    store(to, a);
    store(to + 16, b);
  }
  /** A token's values are in their order already. */
  static const Number* packValues(const Number* values, int, Number*) { return values; }
};
