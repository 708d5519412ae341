// A layer in float32 by tiles of bfloat16, each number in three parts. Attention, norms, the last layer and all between products are as in float32-arithmetic.h.
#pragma once
#include "../products/split-product.h"
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

  /**
   * Rows that go through a layer together, and numbers in them: so many that weights come from the third cache seldom, so few that what is made of the rows stays in the
   * second. The feed-forward layer's second product takes its inputs as the first makes them, MOST_INNER at once, however many there are.
   */
  static constexpr int MOST_ROWS = 256, MOST_NUMBERS = MOST_ROWS * 384, MOST_INNER = 384;
  static_assert(GROUP_ROWS % TILE_ROWS == 0, "a group must begin where a tile does");

  struct Rows {
    int together;
    SplitRows hidden, inner;
    SplitSums sums;
    float* lastInner;  // [row of the last layer][lastInnerStride]
    size_t lastInnerStride;

    void layOut(const Shape& shape, size_t, Arena& arena) {
      const int fitting = MOST_NUMBERS / shape.hidden / 32 * 32;
      together = fitting < MOST_ROWS ? fitting : MOST_ROWS;
      hidden.inputs = shape.hidden;
      sums.outputs = shape.hidden;
      lastInnerStride = (size_t)shape.inner + 16;
      arena.take(hidden.start, SplitRows::sizeFor((size_t)together, (size_t)shape.hidden));
      arena.take(inner.start, SplitRows::sizeFor((size_t)together, MOST_INNER));
      arena.take(sums.start, (size_t)together * (size_t)shape.hidden);
      arena.take(lastInner, LAST_ROWS * lastInnerStride);
    }
    bool usesTiles() const { return true; }
    void quantize(size_t, const float*, const LayerNorm&) {}
    void measure(const float*, int, int) {}

    /** Of `count` rows the groups are of about one size, whole blocks but for the last. */
    int groupOf(int count) const {
      const int groups = (count + together - 1) / together;
      return ((count + groups - 1) / groups + 31) / 32 * 32;
    }
  };

  static ALWAYS_INLINE Floats loadWords(const Word* from) { return load(from); }
  static ALWAYS_INLINE void storeWords(Word* to, Floats values) { store(to, values); }

  template <class Sink>
  static void multiplyHidden(Workspace<SplitFloat32Arithmetic>& w, int count, const Matrix& matrix, Sink& sink) {
    const int group = w.rows.groupOf(count);
    for (int first = 0; first < count; first += group) {
      const int rows = count - first < group ? count - first : group;
      splitRows(w.hidden + (size_t)first * (size_t)matrix.inputs, rows, w.rows.hidden);
      multiplySplitRows(w.rows.hidden, first, rows, matrix, sink);
    }
  }

  /** From attention's result to the end of the layer, for `count` rows. */
  static void finishLayer(const EncoderLayer<SplitMatrix>& layer, Workspace<SplitFloat32Arithmetic>& w, const float* context, float* hidden, int count, bool) {
    const size_t size = (size_t)layer.attentionNorm.size;
    const int group = w.rows.groupOf(count);
    for (int first = 0; first < count; first += group) {
      const int rows = count - first < group ? count - first : group;
      float* states = hidden + (size_t)first * size;
      splitRows(context + (size_t)first * size, rows, w.rows.hidden);
      addAndNormalize(w, w.rows.hidden, rows, layer.attentionOutput, 0, layer.attentionNorm, states);
      splitRows(states, rows, w.rows.hidden);
      for (int at = 0; at < layer.output.inputs; at += MOST_INNER) {
        const int left = layer.output.inputs - at;
        const SplitRows inner = {w.rows.inner.start, left < MOST_INNER ? left : MOST_INNER};
        SplitGeluSink gelu{inner};
        multiplySplitRows(w.rows.hidden, 0, rows, layer.intermediate.part(at, inner.inputs), gelu);
        if (left <= MOST_INNER) {
          addAndNormalize(w, inner, rows, layer.output, at, layer.outputNorm, states);
        } else {
          addSplitRows(inner, rows, layer.output, at, w.rows.sums);
        }
      }
    }
  }
  /** The last of a product's inputs, the residual and the norm. */
  static void addAndNormalize(Workspace<SplitFloat32Arithmetic>& w, const SplitRows& rows, int count, const SplitMatrix& matrix, int firstInput, const LayerNorm& norm,
                              float* states) {
    for (int first = 0; first < count; first += GROUP_ROWS) {
      const int some = count - first < GROUP_ROWS ? count - first : GROUP_ROWS;
      ResidualNormSink sink{w.unfinished, states + (size_t)first * (size_t)norm.size, &norm, nullptr, {}};
      finishSplitRows(rows.from(first), some, matrix, firstInput, w.rows.sums.from(first), sink);
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
