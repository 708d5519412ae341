// A layer in float32 by tiles of bfloat16, each number in three parts. Attention, norms, the last layer and all between products are as in float32-arithmetic.h.
#pragma once
#include "split-product.h"
#include "weights.h"
#include "workspace.h"

static void layOutMatrix(SplitMatrix& matrix, int inputs, int outputs, Arena& arena, Twice = Twice::none) {
  matrix.inputs = inputs;
  matrix.outputs = outputs;
  arena.take(matrix.weights, SplitMatrix::sizeFor((size_t)inputs, (size_t)outputs));
  arena.take(matrix.biases, (size_t)outputs);
}

/** gelu, split for the product that is next. */
struct SplitGeluSink {
  SplitRows out;

  ALWAYS_INLINE void put(int, int r, int output, const Floats (&values)[2]) { splitNumbers(preciseGelu(values[0]), preciseGelu(values[1]), out.at(r, output)); }
  template <int ROWS>
  ALWAYS_INLINE void finish(int, int) {}
};

struct SplitFloat32Arithmetic {
  using Matrix = SplitMatrix;
  using LastMatrix = FloatMatrix;
  using Numbers = Float32;
  using Word = float;

  static constexpr int rowsOf(int length) { return length; }
  static constexpr size_t mostRows(size_t tokens, size_t) { return tokens; }

  /** Rows that go through the feed-forward layer together. */
  static constexpr int TOGETHER = GROUP_ROWS;

  struct Rows {
    SplitRows hidden, inner;  // of one group
    float* lastInner;         // [row of the last layer][inner]
    size_t lastInnerStride;

    void layOut(const Shape& shape, size_t, Arena& arena) {
      hidden.inputs = shape.hidden;
      inner.inputs = shape.inner;
      lastInnerStride = (size_t)shape.inner + 16;
      arena.take(hidden.start, SplitRows::sizeFor(TOGETHER, (size_t)shape.hidden));
      arena.take(inner.start, SplitRows::sizeFor(TOGETHER, (size_t)shape.inner));
      arena.take(lastInner, LAST_ROWS * lastInnerStride);
    }
    void quantize(size_t, const float*, const LayerNorm&) {}
    void measure(const float*, int, int) {}
  };

  static ALWAYS_INLINE Floats loadWords(const Word* from) { return load(from); }
  static ALWAYS_INLINE void storeWords(Word* to, Floats values) { store(to, values); }

  template <class Sink>
  static void multiplyHidden(Workspace<SplitFloat32Arithmetic>& w, int count, const Matrix& matrix, Sink& sink) {
    for (int first = 0; first < count; first += TOGETHER) {
      const int rows = count - first < TOGETHER ? count - first : TOGETHER;
      splitRows(w.hidden + (size_t)first * (size_t)matrix.inputs, rows, w.rows.hidden);
      multiplySplitRows(w.rows.hidden, first, rows, matrix, sink);
    }
  }

  /** From attention's result to the end of the layer, for `count` rows. */
  static void finishLayer(const EncoderLayer<SplitMatrix>& layer, Workspace<SplitFloat32Arithmetic>& w, const float* context, float* hidden, int count, bool) {
    const size_t size = (size_t)layer.attentionNorm.size;
    for (int first = 0; first < count; first += TOGETHER) {
      const int rows = count - first < TOGETHER ? count - first : TOGETHER;
      float* states = hidden + (size_t)first * size;
      splitRows(context + (size_t)first * size, rows, w.rows.hidden);
      ResidualNormSink attentionOut{w.unfinished, states, &layer.attentionNorm, nullptr, {}};
      multiplySplitRows(w.rows.hidden, 0, rows, layer.attentionOutput, attentionOut);
      splitRows(states, rows, w.rows.hidden);
      SplitGeluSink intermediate{w.rows.inner};
      multiplySplitRows(w.rows.hidden, 0, rows, layer.intermediate, intermediate);
      ResidualNormSink out{w.unfinished, states, &layer.outputNorm, nullptr, {}};
      multiplySplitRows(w.rows.inner, 0, rows, layer.output, out);
    }
  }
  /** Of the last layer there is one row of each text. */
  static void finishLayer(const EncoderLayer<FloatMatrix>& layer, Workspace<SplitFloat32Arithmetic>& w, const float* context, float* hidden, int count, bool) {
    const size_t size = (size_t)layer.attentionNorm.size;
    ResidualNormSink attentionOut{w.unfinished, hidden, &layer.attentionNorm, nullptr, {}};
    multiplyFloatRows({context, size}, count, layer.attentionOutput, attentionOut);
    GeluSink intermediate{w.rows.lastInner, w.rows.lastInnerStride};
    multiplyFloatRows({hidden, size}, count, layer.intermediate, intermediate);
    ResidualNormSink out{w.unfinished, hidden, &layer.outputNorm, nullptr, {}};
    multiplyFloatRows({w.rows.lastInner, w.rows.lastInnerStride}, count, layer.output, out);
  }
};
