// A layer in float32 throughout. All but the last take their rows in pairs.
#pragma once
#include "../models/word-formats.h"
#include "../products/strassen-product.h"
#include "workspace.h"
#include "weights.h"

static void layOutMatrix(StrassenMatrix& matrix, int inputs, int outputs, Arena& arena, Twice = Twice::none) {
  matrix.inputs = inputs;
  matrix.outputs = outputs;
  arena.take(matrix.weights, (size_t)inputs * (size_t)outputs / 4 * STRASSEN_PRODUCTS);
  arena.take(matrix.biases, (size_t)outputs);
}

struct Float32Arithmetic : FloatWords {
  using Matrix = StrassenMatrix;
  using LastMatrix = FloatMatrix;
  using Numbers = Float32;

  /** Rows of a text with its padding: products take them in pairs. */
  static constexpr int rowsOf(int length) { return (length + 1) / 2 * 2; }
  static constexpr size_t mostRows(size_t tokens, size_t pairs) { return tokens + pairs; }

  /** Rows that go through the feed-forward layer together, two blocks: what lies between its products stays in the second cache, where weights pass through as well. */
  static constexpr int TOGETHER = 24;

  struct Rows {
    float* inner;  // [row of TOGETHER][innerStride]
    size_t innerStride;
    StrassenScratch scratch;

    void layOut(const Shape& shape, size_t, Arena& arena) {
      innerStride = (size_t)shape.inner + 16;  // one cache line more, so that the rows of a block do not fall on the same sets of the first cache
      arena.take(inner, TOGETHER * innerStride);
      arena.take(scratch.mixed, StrassenScratch::mixedSize(shape.hidden > shape.inner ? shape.hidden : shape.inner));
      arena.take(scratch.tile, StrassenScratch::tileSize());
    }
    bool usesTiles() const { return false; }
    void quantize(size_t, const float*, const LayerNorm&) {}
    void measure(const float*, int, int) {}
  };

  template <class Sink>
  static void multiplyHidden(Workspace<Float32Arithmetic>& w, int count, const Matrix& matrix, Sink& sink) {
    multiply(w, {w.hidden, (size_t)matrix.inputs}, count, matrix, sink);
  }

  template <class Sink>
  static void multiply(Workspace<Float32Arithmetic>& w, const FloatRows& rows, int count, const StrassenMatrix& matrix, Sink& sink) {
    multiplyRowPairs(rows, count, matrix, w.rows.scratch, sink);
  }
  /** Of the last layer there is one row of each text. */
  template <class Sink>
  static void multiply(Workspace<Float32Arithmetic>&, const FloatRows& rows, int count, const FloatMatrix& matrix, Sink& sink) {
    multiplyFloatRows(rows, count, matrix, sink);
  }

  /** From attention's result to the end of the layer, for `count` rows. */
  template <class AnyMatrix>
  static void finishLayer(const EncoderLayer<AnyMatrix>& layer, Workspace<Float32Arithmetic>& w, const float* context, float* hidden, int count, bool) {
    const size_t size = (size_t)layer.attentionNorm.size;
    for (int first = 0; first < count; first += TOGETHER) {
      const int rows = count - first < TOGETHER ? count - first : TOGETHER;
      float* states = hidden + (size_t)first * size;
      ResidualNormSink attentionOut{w.unfinished, states, &layer.attentionNorm, nullptr, {}};
      multiply(w, {context + (size_t)first * size, size}, rows, layer.attentionOutput, attentionOut);
      GeluSink intermediate{w.rows.inner, w.rows.innerStride};
      multiply(w, {states, size}, rows, layer.intermediate, intermediate);
      ResidualNormSink out{w.unfinished, states, &layer.outputNorm, nullptr, {}};
      multiply(w, {w.rows.inner, w.rows.innerStride}, rows, layer.output, out);
    }
  }
};
