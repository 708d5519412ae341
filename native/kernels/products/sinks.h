// What is done with a product while its values are still in a near cache. Rows come in groups of up to GROUP_ROWS, the first of which is `first`: `put` takes VECTORS * 16
// values of the group's row r from `output` on, and `finish`, when all of them are there, the rows from `from` on. A group may be one block of rows or several.
#pragma once
#include "../attention/attention-numbers.h"
#include "float-product.h"
#include "../vectors/gelu.h"
#include "quantized-product.h"
#include "quantized-rows.h"

/** Rows as they are. */
struct StoreSink {
  float* out;
  size_t stride;

  template <int VECTORS>
  ALWAYS_INLINE void put(int first, int r, int output, const Floats (&values)[VECTORS]) {
    UNROLL for (int v = 0; v < VECTORS; v++) store(out + (size_t)(first + r) * stride + output + 16 * v, values[v]);
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int, int) {}
};

/** Queries, keys and values, 32 columns of all rows behind one another: [half][row][32]. */
template <class Numbers>
struct AttentionInputSink {
  typename Numbers::Number* out;
  size_t rows;

  template <int VECTORS>
  ALWAYS_INLINE void put(int first, int r, int output, const Floats (&values)[VECTORS]) {
    UNROLL for (int v = 0; v < VECTORS; v += 2) {
      const size_t half = (size_t)output / HALF + v / 2;
      Numbers::storeHalf(out + (half * rows + first + r) * HALF, values[v], values[v + 1]);
    }
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int, int) {}
};

/** Adds the residual, normalises and, where there are `rows`, quantises for the next product. They may be the very rows that were multiplied: a block is through when it is overwritten. */
struct ResidualNormSink {
  float* unfinished;
  float* hidden;
  const LayerNorm* norm;
  QuantizedRows* rows;
  Floats sums[GROUP_ROWS];

  template <int VECTORS>
  ALWAYS_INLINE void put(int first, int r, int output, const Floats (&values)[VECTORS]) {
    const float* residual = hidden + (size_t)(first + r) * norm->size + output;
    float* to = unfinished + r * UNFINISHED_HIDDEN_STRIDE + output;
    UNROLL for (int v = 0; v < VECTORS; v += 2) {
      const Floats a = add(values[v], load(residual + 16 * v)), b = add(values[v + 1], load(residual + 16 * v + 16));
      store(to + 16 * v, a);
      store(to + 16 * v + 16, b);
      const Floats sum = add(a, b);
      sums[r] = output + v ? add(sums[r], sum) : sum;
    }
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int first, int from) {
    const size_t row = (size_t)(first + from);
    float* states = hidden + row * norm->size;
    normalizeRows<ROWS>(unfinished + from * UNFINISHED_HIDDEN_STRIDE, sums + from, *norm, states);
    if (!rows) return;
    for (size_t r = 0; r < ROWS; r++) rows->quantize(row + r, states + r * norm->size, *norm);
  }
};

/** gelu in float32. */
struct GeluSink {
  float* out;
  size_t stride;

  template <int VECTORS>
  ALWAYS_INLINE void put(int first, int r, int output, const Floats (&values)[VECTORS]) {
    UNROLL for (int v = 0; v < VECTORS; v++) store(out + (size_t)(first + r) * stride + output + 16 * v, preciseGelu(values[v]));
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int, int) {}
};

/** Floats from one unfinished row to the next, as in normalize.h. */
constexpr size_t UNFINISHED_INNER_STRIDE = 4096 + 16;

/** The largest of a row's values, a multiple of 64 of them. */
static ALWAYS_INLINE float largestOfRow(const float* row, int size) {
  Floats tops[4];
  UNROLL for (int v = 0; v < 4; v++) tops[v] = load(row + 16 * v);
  for (int i = 64; i < size; i += 64) UNROLL for (int v = 0; v < 4; v++) tops[v] = maximum(tops[v], load(row + i + 16 * v));
  return largestOf(maximum(maximum(tops[0], tops[1]), maximum(tops[2], tops[3])));
}

/** gelu, then unsigned bytes of what is between -GELU_SHIFT and the row's largest value. The matrix that is next knows of the shift, and which bytes it wants twice. */
struct QuantizedGeluSink {
  float* unfinished;
  QuantizedRows* rows;
  const QuantizedMatrix* next;

  ALWAYS_INLINE void put(int, int r, int output, const Floats (&values)[2]) {
    float* to = unfinished + r * UNFINISHED_INNER_STRIDE + output;
    store(to, values[0]);
    store(to + 16, values[1]);
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int first, int from) {
    const QuantizedPhi phi;
    for (int r = from; r < from + ROWS; r++) {
      const float* x = unfinished + r * UNFINISHED_INNER_STRIDE;
      const float largest = largestOfRow(x, next->inputs);  // gelu grows wherever it is positive
      const float scale = ((largest > 0 ? coarseGelu(largest) : 0.f) + GELU_SHIFT) / (float)MOST_UNSIGNED;
      const Floats factor = splat(1.f / scale), shift = splat(GELU_SHIFT / scale);
      const auto quantized = [&](const float* x) __attribute__((always_inline)) {
        return multiplyAdd(phi(load(x)), multiply(load(x), factor), shift);
      };
      uint8_t* to = rows->inner + (size_t)(first + r) * INNER_STRIDE;
      for (int i = 0; i < next->inputs; i += 64) storeBytes(to + i, quantized(x + i), quantized(x + i + 16), quantized(x + i + 32), quantized(x + i + 48));
      for (int i = 0; i < next->highInputs; i++) to[next->inputs + i] = to[next->heavy[i]];
      // The difference is zero, or NaN where the row that was multiplied had a value that is not finite.
      const float before = rows->hiddenScales[first + r];
      rows->innerScales[first + r] = scale + (before - before);
    }
  }
};
