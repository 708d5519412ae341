// A layer in int8: rows are quantised one by one before each product, attention is in bfloat16.
#pragma once
#include "../models/find-outliers.h"
#include "../models/word-formats.h"
#include "int8-layer.h"
#include "workspace.h"

static void giveToAttention(EncoderLayer<QuantizedMatrix>& layer, const OutlierColumns& outliers) { giveOutliers(layer.attentionInput, outliers); }

struct Int8Arithmetic : Bfloat16Words {
  using Matrix = QuantizedMatrix;
  using LastMatrix = QuantizedMatrix;
  using Numbers = QuantizedAttention;

  static constexpr int rowsOf(int length) { return length; }
  static constexpr size_t mostRows(size_t tokens, size_t) { return tokens; }

  using Rows = QuantizedRows;

  template <class Sink>
  static void multiplyHidden(Workspace<Int8Arithmetic>& w, int count, const Matrix& matrix, Sink& sink) {
    w.rows.multiplyHidden(count, matrix, sink);
  }

  /** From attention's result to the end of the layer, for `count` rows. */
  static void finishLayer(const EncoderLayer<Matrix>& layer, Workspace<Int8Arithmetic>& w, const float* context, float* hidden, int count, bool isLast) {
    ::finishLayer(layer, w.rows, w.unfinished, context, hidden, count, isLast);
  }
};

static EncoderLayer<QuantizedMatrix>& layerOf(Weights<Int8Arithmetic>& weights, int index, int) {
  return index < weights.wholeLayers ? weights.layers[index] : weights.lastLayer;
}
