// A layer in float32 by tiles of bfloat16, each number in three parts. Attention, norms, the last layer and all between products are as in float32-arithmetic.h.
#pragma once
#include "../models/word-formats.h"
#include "../products/split-groups.h"
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
  static constexpr int OUTPUTS = 1;
  SplitRows out;

  ALWAYS_INLINE void put(int, int r, int output, const Floats (&values)[2]) { splitNumbers(preciseGelu(values[0]), preciseGelu(values[1]), out.at(r, output)); }
  template <int ROWS>
  ALWAYS_INLINE void finish(int, int) {}
};

struct SplitFloat32Arithmetic : FloatWords {
  using Matrix = SplitMatrix;
  using LastMatrix = FloatMatrix;
  using Numbers = Float32;

  static constexpr int rowsOf(int length) { return length; }
  static constexpr size_t mostRows(size_t tokens, size_t) { return tokens; }

  struct Rows : SplitGroups {
    float* lastInner;  // [row of the last layer][lastInnerStride]
    size_t lastInnerStride;

    void layOut(const Shape& shape, size_t rows, Arena& arena) {
      SplitGroups::layOut(shape, rows, arena);
      lastInnerStride = (size_t)shape.inner + 16;
      arena.take(lastInner, LAST_ROWS * lastInnerStride);
    }
  };

  template <class Sink>
  static void multiplyHidden(Workspace<SplitFloat32Arithmetic>& w, int count, const Matrix& matrix, Sink& sink) {
    w.rows.multiply(w.hidden, count, matrix, sink);
  }

  /** From attention's result to the end of the layer, for `count` rows. */
  static void finishLayer(const EncoderLayer<SplitMatrix>& layer, Workspace<SplitFloat32Arithmetic>& w, const float* context, float* hidden, int count, bool) {
    const size_t size = (size_t)layer.attentionNorm.size;
    w.rows.inGroups(count, [&](int start, int rows) {
      float* states = hidden + (size_t)start * size;
      const auto normalizedBy = [&](const LayerNorm& norm) {
        return [&](int first) { return ResidualNormSink{w.unfinished, states + (size_t)first * size, &norm, nullptr, {}}; };
      };
      splitRows(context + (size_t)start * size, rows, w.rows.hidden);
      w.rows.finish(w.rows.hidden, rows, layer.attentionOutput, 0, normalizedBy(layer.attentionNorm));
      splitRows(states, rows, w.rows.hidden);
      w.rows.feedForward<SplitGeluSink>(rows, layer.intermediate, layer.output, normalizedBy(layer.outputNorm));
    });
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
