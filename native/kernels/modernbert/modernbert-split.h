// A ModernBERT's layers in float32 by tiles of bfloat16, each number in three parts. Attention, norms and the head are as in modernbert-arithmetic.h.
#pragma once
#include "../bert/split-arithmetic.h"
#include "modernbert-weights.h"
#include "modernbert-workspace.h"

/** As `GatedSink`, split for the product that is next: what two puts give stands side by side there. */
struct SplitGatedSink {
  static constexpr int OUTPUTS = 2;
  SplitRows out;

  ALWAYS_INLINE void put(int, int r, int output, const Floats (&values)[2]) {
    const int input = output / 2;
    splitSixteen(multiply(preciseGelu(values[0]), values[1]), input % TILE_INPUTS != 0, out.at(r, input / TILE_INPUTS * TILE_INPUTS));
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int, int) {}
};

struct ModernbertSplitFloat32 : FloatWords {
  using Matrix = SplitMatrix;
  using Numbers = Float32;
  using Rows = SplitGroups;

  template <class Sink>
  static void multiplyNormed(ModernbertWorkspace<ModernbertSplitFloat32>& w, int count, const Matrix& matrix, Sink& sink) {
    w.rows.multiply(w.normed, count, matrix, sink);
  }

  static void finishLayer(const ModernbertLayer<Matrix>& layer, ModernbertWorkspace<ModernbertSplitFloat32>& w, int count) {
    const size_t size = (size_t)layer.attentionNorm.size;
    w.rows.inGroups(count, [&](int start, int rows) {
      const auto normalizedBy = [&](const LayerNorm& norm) {
        return [&](int first) {
          const size_t at = (size_t)(start + first) * size;
          return NormBehindSink{w.hidden + at, w.normed + at, &norm, nullptr, {}};
        };
      };
      splitRows(w.context + (size_t)start * size, rows, w.rows.hidden);
      w.rows.finish(w.rows.hidden, rows, layer.attentionOutput, 0, normalizedBy(layer.attentionNorm));
      splitRows(w.normed + (size_t)start * size, rows, w.rows.hidden);
      w.rows.feedForward<SplitGatedSink>(rows, layer.intermediate, layer.output, normalizedBy(layer.outputNorm));
    });
  }

  static void moveRow(ModernbertWorkspace<ModernbertSplitFloat32>&, int, int, size_t) {}
};
