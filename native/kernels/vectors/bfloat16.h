// Queries, keys, values and shares in bfloat16, two to a multiplication with sums in float32, where the processor has it.
#pragma once
#include "exponential.h"

struct Bfloat16 {
  using Number = uint16_t;
  static constexpr int TOGETHER = 2;

  static ALWAYS_INLINE Floats multiplyAddTogether(Integers a, Integers b, Floats sum) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }
  static ALWAYS_INLINE Floats power(Floats x) { return coarsePowerOfTwo(x); }
  static ALWAYS_INLINE Floats powerFromBelow(Floats x) { return coarsePowerOfTwoFromBelow(x); }
  static ALWAYS_INLINE void storeNumbers(Number* to, Floats values) { storeBfloat16(to, values); }
  static ALWAYS_INLINE void storeHalf(Number* to, Floats a, Floats b) { _mm512_storeu_si512(to, (Integers)_mm512_cvtne2ps_pbh(b, a)); }

  /** As [two tokens][32 columns][2]. Of an odd number the last stands beside zeros. */
  template <class RowOf>
  static ALWAYS_INLINE void packRows(const RowOf& rowOf, int first, int end, Number* to) {
    for (int j = first; j < end; j += TOGETHER) {
      packTwo(_mm512_loadu_si512(rowOf(j)), j + 1 < end ? _mm512_loadu_si512(rowOf(j + 1)) : _mm512_setzero_si512(), to + (size_t)j * HALF);
    }
  }

  static const Number* packValues(const Number* values, int length, Number* to) {
    packRows([&](int token) { return values + (size_t)token * HALF; }, 0, length, to);
    clearBehind(length, to);
    return to;
  }

  static ALWAYS_INLINE void clearBehind(int length, Number* packed) {
    for (int j = (length + 1) / 2 * 2; j % 32; j += 2) {
      _mm512_store_si512(packed + (size_t)j * HALF, _mm512_setzero_si512());
      _mm512_store_si512(packed + (size_t)j * HALF + 32, _mm512_setzero_si512());
    }
  }

 private:
  static ALWAYS_INLINE void packTwo(Integers a, Integers b, Number* to) {
    // 0, 32, 1, 33...: the first 16 columns of one row and the next; the second index adds 16 to each.
    const Integers low = _mm512_add_epi16(_mm512_set1_epi32(32 << 16), _mm512_mullo_epi32(laneNumbers(), _mm512_set1_epi32(0x00010001)));
    const Integers high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    _mm512_store_si512(to, _mm512_permutex2var_epi16(a, low, b));
    _mm512_store_si512(to + 32, _mm512_permutex2var_epi16(a, high, b));
  }
};
