// A layer in float32 throughout.
#pragma once
#include "workspace.h"
#include "weights.h"

struct Float32Arithmetic {
  using Matrix = FloatMatrix;
  using Numbers = Float32;
  using Word = float;

  /** Rows that go through the feed-forward layer together: what lies between its products stays in the second cache. */
  static constexpr int TOGETHER = 96;

  struct Rows {
    float* inner;  // [row of TOGETHER][innerStride]
    size_t innerStride;

    void layOut(const Shape& shape, size_t, Arena& arena) {
      innerStride = (size_t)shape.inner + 16;  // one cache line more, so that the rows of a block do not fall on the same sets of the first cache
      arena.take(inner, TOGETHER * innerStride);
    }
    void quantize(size_t, const float*, const LayerNorm&) {}
    void measure(const float*, int, int) {}
  };

  static ALWAYS_INLINE Floats loadWords(const Word* from) { return load(from); }
  static ALWAYS_INLINE void storeWords(Word* to, Floats values) { store(to, values); }

  template <class Sink>
  static void multiplyHidden(Workspace<Float32Arithmetic>& w, int count, const Matrix& matrix, Sink& sink) {
    multiplyFloatRows({w.hidden, (size_t)matrix.inputs}, count, matrix, sink);
  }

  /** From attention's result to the end of the layer, for `count` rows. */
  static void finishLayer(const EncoderLayer<Matrix>& layer, Workspace<Float32Arithmetic>& w, const float* context, float* hidden, int count, bool) {
    const size_t size = (size_t)layer.attentionNorm.size;
    for (int first = 0; first < count; first += TOGETHER) {
      const int rows = count - first < TOGETHER ? count - first : TOGETHER;
      float* states = hidden + (size_t)first * size;
      ResidualNormSink attentionOut{w.unfinished, states, &layer.attentionNorm, nullptr, {}};
      multiplyFloatRows({context + (size_t)first * size, size}, rows, layer.attentionOutput, attentionOut);
      GeluSink intermediate{w.rows.inner, w.rows.innerStride};
      multiplyFloatRows({states, size}, rows, layer.intermediate, intermediate);
      ResidualNormSink out{w.unfinished, states, &layer.outputNorm, nullptr, {}};
      multiplyFloatRows({w.rows.inner, w.rows.innerStride}, rows, layer.output, out);
    }
  }
};
