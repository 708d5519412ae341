// How a model's arithmetic holds the embeddings of words that are in memory.
#pragma once
#include "../vectors/vectors.h"

struct FloatWords {
  using Word = float;

  static ALWAYS_INLINE Floats loadWords(const Word* from) { return load(from); }
  static ALWAYS_INLINE void storeWords(Word* to, Floats values) { store(to, values); }
};

/** Half the memory of float32, and a relative error of 2^-9 for each value where int8 has 2^-8 of the row's largest. */
struct Bfloat16Words {
  using Word = uint16_t;

  static ALWAYS_INLINE Floats loadWords(const Word* from) { return loadBfloat16(from); }
  static ALWAYS_INLINE void storeWords(Word* to, Floats values) { storeBfloat16(to, values); }
};
