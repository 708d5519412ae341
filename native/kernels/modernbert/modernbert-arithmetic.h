// What a ModernBERT's layers do in each arithmetic: as int8-arithmetic.h and float32-arithmetic.h, but that norms are before products, and the residual stays as it is.
#pragma once
#include "../models/find-outliers.h"
#include "../models/word-formats.h"
#include "modernbert-weights.h"
#include "modernbert-workspace.h"

struct ModernbertInt8 : Bfloat16Words {
  using Matrix = QuantizedMatrix;
  using Numbers = QuantizedAttention;
  using Rows = QuantizedRows;

  /** Multiplies the first `count` rows that were normalised. */
  template <class Sink>
  static void multiplyNormed(ModernbertWorkspace<ModernbertInt8>& w, int count, const Matrix& matrix, Sink& sink) {
    w.rows.multiplyHidden(count, matrix, sink);
  }

  /** From attention's result to the end of the layer, for the first `count` rows. */
  static void finishLayer(const ModernbertLayer<Matrix>& layer, ModernbertWorkspace<ModernbertInt8>& w, int count) {
    const int size = layer.attentionNorm.size;
    QuantizedRows& rows = w.rows;
    for (int t = 0; t < count; t++) {
      rows.hiddenScales[t] = quantizeRow(w.context + (size_t)t * (size_t)size, size, rows.hidden + (size_t)t * HIDDEN_STRIDE);
    }
    NormBehindSink attentionOut{w.hidden, w.normed, &layer.attentionNorm, &rows, {}};
    rows.multiplyHidden(count, layer.attentionOutput, attentionOut);
    rows.measure(w.normed, count, size);
    QuantizedGatedSink gated{w.unfinished, &rows, &layer.output, {}};
    rows.multiplyHidden(count, layer.intermediate, gated);
    NormBehindSink out{w.hidden, w.normed, &layer.outputNorm, &rows, {}};
    rows.multiplyInner(count, layer.output, out);
    rows.measure(w.normed, count, size);
  }

  /** What else there is of a row that was normalised. */
  static void moveRow(ModernbertWorkspace<ModernbertInt8>& w, int from, int to, size_t size) {
    memmove(w.rows.hidden + (size_t)to * HIDDEN_STRIDE, w.rows.hidden + (size_t)from * HIDDEN_STRIDE, size + HIGH_INPUTS);
    w.rows.hiddenScales[to] = w.rows.hiddenScales[from];
  }
};

static ModernbertLayer<QuantizedMatrix>& layerOf(ModernbertWeights<ModernbertInt8>& weights, int index, int) { return weights.layers[index]; }

static void giveToAttention(ModernbertLayer<QuantizedMatrix>& layer, const OutlierColumns& outliers) {
  giveOutliers(layer.query, outliers);
  giveOutliers(layer.keyValue, outliers);
  giveOutliers(layer.attentionInput, outliers);
}

struct ModernbertFloat32 : FloatWords {
  using Matrix = FloatMatrix;
  using Numbers = Float32;

  /** Rows that go through the feed-forward layer together: what lies between its products stays in the second cache, where weights pass through as well. */
  static constexpr int TOGETHER = FLOAT_GROUP_ROWS;

  struct Rows {
    float* inner;  // [row of TOGETHER][innerStride]
    size_t innerStride;

    void layOut(const ModernbertShape& shape, size_t, Arena& arena) {
      innerStride = (size_t)shape.inner + 16;
      arena.take(inner, TOGETHER * innerStride);
    }
    bool usesTiles() const { return false; }
    void quantize(size_t, const float*, const LayerNorm&) {}
    void measure(const float*, int, int) {}
  };

  template <class Sink>
  static void multiplyNormed(ModernbertWorkspace<ModernbertFloat32>& w, int count, const Matrix& matrix, Sink& sink) {
    multiplyFloatGroups({w.normed, (size_t)matrix.inputs}, count, matrix, sink);
  }

  static void finishLayer(const ModernbertLayer<Matrix>& layer, ModernbertWorkspace<ModernbertFloat32>& w, int count) {
    const size_t size = (size_t)layer.attentionNorm.size;
    for (int first = 0; first < count; first += TOGETHER) {
      const int rows = count - first < TOGETHER ? count - first : TOGETHER;
      const size_t at = (size_t)first * size;
      NormBehindSink attentionOut{w.hidden + at, w.normed + at, &layer.attentionNorm, nullptr, {}};
      multiplyFloatGroups({w.context + at, size}, rows, layer.attentionOutput, attentionOut);
      GatedSink gated{w.rows.inner, w.rows.innerStride};
      multiplyFloatGroups({w.normed + at, size}, rows, layer.intermediate, gated);
      NormBehindSink out{w.hidden + at, w.normed + at, &layer.outputNorm, nullptr, {}};
      multiplyFloatGroups({w.rows.inner, w.rows.innerStride}, rows, layer.output, out);
    }
  }

  static void moveRow(ModernbertWorkspace<ModernbertFloat32>&, int, int, size_t) {}
};
