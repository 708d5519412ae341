// What the layers of both kinds of model have in common in int8.
#pragma once
#include "../products/sinks.h"
#include "weights.h"

/** From attention's result to the end of the layer, for `count` rows. */
static void finishLayer(const EncoderLayer<QuantizedMatrix>& layer, QuantizedRows& rows, float* unfinished, const float* context, float* hidden, int count, bool isLast) {
  const int size = layer.attentionNorm.size;
  for (int t = 0; t < count; t++) {
    rows.hiddenScales[t] = quantizeRow(context + (size_t)t * (size_t)size, size, rows.hidden + (size_t)t * HIDDEN_STRIDE);
  }
  ResidualNormSink attentionOut{unfinished, hidden, &layer.attentionNorm, &rows, {}};
  rows.multiplyHidden(count, layer.attentionOutput, attentionOut);
  rows.measure(hidden, count, size);
  QuantizedGeluSink intermediate{unfinished, &rows, &layer.output};
  rows.multiplyHidden(count, layer.intermediate, intermediate);
  ResidualNormSink out{unfinished, hidden, &layer.outputNorm, isLast ? nullptr : &rows, {}};
  rows.multiplyInner(count, layer.output, out);
  rows.measure(hidden, count, size);
}
