// What queries, keys, values and shares are held in: float32, or bfloat16 in int8 layers where the processor multiplies it (bfloat16.h). Both are read four bytes at a time.
#pragma once
#include "../vectors/exponential.h"

/** Columns go by halves of 32: a head of 64 has two. */
constexpr int HALF = 32;

struct Float32 {
  using Number = float;
  /** Neighbours in a row that one multiplication takes. */
  static constexpr int TOGETHER = 1;

  static ALWAYS_INLINE Floats multiplyAddTogether(Integers a, Integers b, Floats sum) { return multiplyAdd(asFloats(a), asFloats(b), sum); }
  /** 2^x for |x| <= 126. */
  static ALWAYS_INLINE Floats power(Floats x) { return barePowerOfTwo(x); }
  static ALWAYS_INLINE Floats powerFromBelow(Floats x) { return powerOfTwo(x); }
  static ALWAYS_INLINE void storeNumbers(Number* to, Floats values) { store(to, values); }
  static ALWAYS_INLINE void storeHalf(Number* to, Floats a, Floats b) {
    store(to, a);
    store(to + 16, b);
  }

  /** The values of tokens from `first` on, a multiple of TOGETHER, as `mixValues` reads them. `rowOf` has where a token's values are. */
  template <class RowOf>
  static ALWAYS_INLINE void packRows(const RowOf& rowOf, int first, int end, Number* to) {
    for (int j = first; j < end; j++) memcpy(to + (size_t)j * HALF, rowOf(j), HALF * sizeof(Number));
  }
  /** All tokens' values packed, which these are already. */
  static const Number* packValues(const Number* values, int, Number*) { return values; }
  /** Makes zeros of what is missing of the last 32 tokens, which tiles read. */
  static ALWAYS_INLINE void clearBehind(int, Number*) {}
};

#ifdef __AVX512BF16__
#include "../vectors/bfloat16.h"
using QuantizedAttention = Bfloat16;
#else
using QuantizedAttention = Float32;
#endif
