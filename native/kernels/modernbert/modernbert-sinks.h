// What is done with a ModernBERT's products, by the rules of sinks.h.
#pragma once
#include "../products/sinks.h"

/**
 * Queries, keys and values as `AttentionInputSink` has them, queries and keys turned by their position (J. Su et al., 2021, arXiv:2104.09864). A head's columns are in such an
 * order that both numbers of a pair are in one lane of two neighbouring vectors (modernbert-pack.h).
 */
template <class Numbers>
struct RotarySink {
  AttentionInputSink<Numbers> to;
  const int32_t* places;  // of each row
  const float* angles;    // for each place, for each 32 columns of a head, cosines of sixteen pairs and their sines
  int halves;             // of a head
  int turned;             // so many outputs are queries or keys

  template <int VECTORS>
  ALWAYS_INLINE void put(int first, int r, int output, const Floats (&values)[VECTORS]) {
    if (output >= turned) return to.put(first, r, output, values);
    const float* turns = angles + (size_t)places[first + r] * (size_t)halves * HALF;
    Floats out[VECTORS];
    UNROLL for (int v = 0; v < VECTORS; v += 2) {
      const float* turn = turns + (output / HALF + v / 2) % halves * HALF;
      const Floats cosine = load(turn), sine = load(turn + 16), a = values[v], b = values[v + 1];
      out[v] = subtract(multiply(a, cosine), multiply(b, sine));
      out[v + 1] = multiplyAdd(b, cosine, multiply(a, sine));
    }
    to.put(first, r, output, out);
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int, int) {}
};

/** Adds to the residual, which stays as it is, and normalises it for the next product; where there are `rows` it is quantised as well. */
struct NormBehindSink {
  float *hidden, *normed;
  const LayerNorm* norm;
  QuantizedRows* rows;
  Floats sums[GROUP_ROWS];

  template <int VECTORS>
  ALWAYS_INLINE void put(int first, int r, int output, const Floats (&values)[VECTORS]) {
    float* states = hidden + (size_t)(first + r) * norm->size + output;
    UNROLL for (int v = 0; v < VECTORS; v += 2) {
      const Floats a = add(values[v], load(states + 16 * v)), b = add(values[v + 1], load(states + 16 * v + 16));
      store(states + 16 * v, a);
      store(states + 16 * v + 16, b);
      const Floats sum = add(a, b);
      sums[r] = output + v ? add(sums[r], sum) : sum;
    }
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int first, int from) {
    const size_t row = (size_t)(first + from), size = (size_t)norm->size;
    float* to = normed + row * size;
    normalizeRows<ROWS>(hidden + row * size, sums + from, *norm, to, size);
    if (!rows) return;
    for (size_t r = 0; r < ROWS; r++) rows->quantize(row + r, to + r * size, *norm);
  }
};

/** The gated product of a feed-forward layer in float32: of each 32 outputs the first sixteen go through gelu, and the others are their gates (modernbert-pack.h). */
struct GatedSink {
  float* out;
  size_t stride;

  template <int VECTORS>
  ALWAYS_INLINE void put(int first, int r, int output, const Floats (&values)[VECTORS]) {
    UNROLL for (int v = 0; v < VECTORS; v += 2) {
      store(out + (size_t)(first + r) * stride + output / 2 + 8 * v, multiply(preciseGelu(values[v]), values[v + 1]));
    }
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int, int) {}
};

/** The same, then bytes around the zero point. */
struct QuantizedGatedSink {
  float* unfinished;
  QuantizedRows* rows;
  const QuantizedMatrix* next;
  QuantizedPhi phi;

  ALWAYS_INLINE void put(int, int r, int output, const Floats (&values)[2]) {
    store(unfinished + r * UNFINISHED_INNER_STRIDE + output / 2, multiply(multiply(values[0], phi(values[0])), values[1]));
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int first, int from) {
    for (int r = from; r < from + ROWS; r++) {
      uint8_t* to = rows->inner + (size_t)(first + r) * INNER_STRIDE;
      rows->innerScales[first + r] = quantizeRow(unfinished + r * UNFINISHED_INNER_STRIDE, next->inputs, to);
      for (int i = 0; i < next->highInputs; i++) to[next->inputs + i] = to[next->heavy[i]];
    }
  }
};
