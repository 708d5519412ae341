// A layer in int8: rows are quantised one by one before each product, attention is in bfloat16.
#pragma once
#include "workspace.h"
#include "weights.h"

struct Int8Arithmetic {
  using Matrix = QuantizedMatrix;
  using LastMatrix = QuantizedMatrix;
  using Numbers = Bfloat16;
  /** bfloat16: half the memory of float32, and a relative error of 2^-9 for each value where int8 has 2^-8 of the row's largest. */
  using Word = uint16_t;

  static constexpr int rowsOf(int length) { return length; }
  static constexpr size_t mostRows(size_t tokens, size_t) { return tokens; }

  struct Rows {
    uint8_t* hidden;  // [token][HIDDEN_STRIDE]
    float* hiddenScales;
    uint8_t* inner;   // [token][INNER_STRIDE]
    float* innerScales;

    void layOut(const Shape&, size_t rows, Arena& arena) {
      arena.take(hidden, rows * HIDDEN_STRIDE);
      arena.take(hiddenScales, rows);
      arena.take(inner, rows * INNER_STRIDE);
      arena.take(innerScales, rows);
    }
    /** Where the embedding's norm puts the bytes of a row. */
    uint8_t* bytesOf(size_t row) { return hidden + row * HIDDEN_STRIDE; }
    float* scaleOf(size_t row) { return hiddenScales + row; }
  };

  static ALWAYS_INLINE Floats loadWords(const Word* from) { return Bfloat16::loadNumbers(from); }
  static ALWAYS_INLINE void storeWords(Word* to, Floats values) { Bfloat16::storeNumbers(to, values); }

  template <class Sink>
  static void multiplyHidden(Workspace<Int8Arithmetic>& w, int count, const Matrix& matrix, Sink& sink) {
    multiplyRows<HIDDEN_STRIDE>(w.rows.hidden, w.rows.hiddenScales, count, matrix, sink);
  }

  /** From attention's result to the end of the layer, for `count` rows. */
  static void finishLayer(const EncoderLayer<Matrix>& layer, Workspace<Int8Arithmetic>& w, const float* context, float* hidden, int count, bool isLast) {
    Rows& rows = w.rows;
    const int size = layer.attentionNorm.size;
    for (int t = 0; t < count; t++) rows.hiddenScales[t] = quantizeRow(context + (size_t)t * (size_t)size, size, rows.bytesOf((size_t)t));
    ResidualNormSink attentionOut{w.unfinished, hidden, &layer.attentionNorm, rows.hidden, rows.hiddenScales, {}};
    multiplyRows<HIDDEN_STRIDE>(rows.hidden, rows.hiddenScales, count, layer.attentionOutput, attentionOut);
    QuantizedGeluSink intermediate{w.unfinished, layer.intermediate.outputs, rows.inner, rows.hiddenScales, rows.innerScales, {}};
    multiplyRows<HIDDEN_STRIDE>(rows.hidden, rows.hiddenScales, count, layer.intermediate, intermediate);
    ResidualNormSink out{w.unfinished, hidden, &layer.outputNorm, isLast ? nullptr : rows.hidden, rows.hiddenScales, {}};
    multiplyRows<INNER_STRIDE>(rows.inner, rows.innerScales, count, layer.output, out);
  }
};
