// What is done with a product while its block is still in the first cache: the three sinks of an encoder layer.
#pragma once
#include "gelu.h"
#include "normalize.h"
#include "product.h"

/** Queries, keys and values as bfloat16, 32 columns of all rows behind one another: [panel][row][32]. */
struct AttentionInputSink {
  uint16_t* out;
  size_t rows;

  ALWAYS_INLINE void put(int first, int r, int panel, Floats a, Floats b) {
    _mm512_storeu_si512(out + ((size_t)panel * rows + first + r) * PANEL, (Integers)_mm512_cvtne2ps_pbh(b, a));
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int) {}
};

/** Adds the residual, normalises, quantises for the next product. `bytes` may be the very rows that were multiplied: a block is through when it is overwritten. */
struct ResidualNormSink {
  float* unfinished;
  float* hidden;
  const LayerNorm* norm;
  uint8_t* bytes;
  float* scales;
  Floats sums[BLOCK_ROWS];

  ALWAYS_INLINE void put(int first, int r, int panel, Floats a, Floats b) {
    const float* residual = hidden + (size_t)(first + r) * norm->size + panel * PANEL;
    float* to = unfinished + r * UNFINISHED_HIDDEN_STRIDE + panel * PANEL;
    a = add(a, load(residual));
    b = add(b, load(residual + 16));
    store(to, a);
    store(to + 16, b);
    const Floats sum = add(a, b);
    sums[r] = panel ? add(sums[r], sum) : sum;
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int first) {
    normalizeRows<ROWS>(unfinished, sums, *norm, hidden + (size_t)first * norm->size, bytes ? bytes + (size_t)first * HIDDEN_STRIDE : nullptr,
                        HIDDEN_STRIDE, scales + first);
  }
};

/** Floats from one unfinished row to the next, as in normalize.h. */
constexpr size_t UNFINISHED_INNER_STRIDE = 4096 + 16;

/** gelu, then unsigned bytes of what is between -GELU_SHIFT and the row's largest value. The packed matrix knows of the shift. */
struct GeluSink {
  float* unfinished;
  int size;
  uint8_t* bytes;
  const float* inputScales;
  float* scales;
  Floats top[BLOCK_ROWS];

  ALWAYS_INLINE void put(int, int r, int panel, Floats a, Floats b) {
    float* to = unfinished + r * UNFINISHED_INNER_STRIDE + panel * PANEL;
    store(to, a);
    store(to + 16, b);
    const Floats larger = _mm512_max_ps(a, b);
    top[r] = panel ? _mm512_max_ps(top[r], larger) : larger;
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int first) {
    const TabulatedPhi phi;
    for (int r = 0; r < ROWS; r++) {
      const float largest = _mm512_reduce_max_ps(top[r]);  // gelu grows wherever it is positive
      const float scale = ((largest > 0 ? coarseGelu(largest) : 0.f) + GELU_SHIFT) / 255.f;
      const Floats factor = splat(1.f / scale), shift = splat(GELU_SHIFT / scale);
      const auto quantized = [&](const float* x) __attribute__((always_inline)) {
        return multiplyAdd(phi(load(x)), multiply(load(x), factor), shift);
      };
      const float* x = unfinished + r * UNFINISHED_INNER_STRIDE;
      uint8_t* to = bytes + (first + r) * INNER_STRIDE;
      for (int i = 0; i < size; i += 64) storeBytes(to + i, quantized(x + i), quantized(x + i + 16), quantized(x + i + 32), quantized(x + i + 48));
      // The difference is zero, or NaN where the row that was multiplied had a value that is not finite.
      scales[first + r] = scale + (inputScales[first + r] - inputScales[first + r]);
    }
  }
};
