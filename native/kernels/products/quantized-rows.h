// Rows in int8, on their way from one product to the next.
#pragma once
#include "normalize.h"
#include "quantized-product.h"
#ifdef __AMX_TILE__
#include "quantized-tiles.h"
#endif

struct QuantizedRows {
  Units units;
  uint8_t* hidden;  // [row][HIDDEN_STRIDE]
  float* hiddenScales;
  uint8_t* inner;   // [row][INNER_STRIDE]
  float* innerScales;
  /** While outliers are looked for (find-outliers.h): of each norm's columns the fourth powers, summed over rows, from the next norm's on. No column is an outlier then. */
  float* powers;

  template <class AnyShape>
  void layOut(const AnyShape&, size_t rows, Arena& arena) {
    arena.take(hidden, rows * HIDDEN_STRIDE);
    arena.take(hiddenScales, rows);
    arena.take(inner, rows * INNER_STRIDE);
    arena.take(innerScales, rows);
  }

  bool usesTiles() const { return units == Units::tiles; }

  /** Multiplies the first `count` rows of `hidden`. */
  template <class Sink>
  void multiplyHidden(int count, const QuantizedMatrix& matrix, Sink& sink) const {
    multiplyBytes<HIDDEN_STRIDE>(hidden, hiddenScales, count, matrix, sink);
  }
  /** The same of `inner`. */
  template <class Sink>
  void multiplyInner(int count, const QuantizedMatrix& matrix, Sink& sink) const {
    multiplyBytes<INNER_STRIDE>(inner, innerScales, count, matrix, sink);
  }

  /** A row out of a norm. */
  ALWAYS_INLINE void quantize(size_t row, const float* values, const LayerNorm& norm) {
    uint8_t* bytes = hidden + row * HIDDEN_STRIDE;
    hiddenScales[row] = powers ? quantizeRow(values, norm.size, bytes) : quantizeWithOutliers(values, norm.size, norm.outliers, bytes);
  }

  /** Where outliers are looked for, adds up a norm's rows. */
  void measure(const float* states, int rows, int size) {
    if (!powers) return;
    for (int t = 0; t < rows; t++) {
      for (int d = 0; d < size; d += 16) {
        const Floats x = load(states + (size_t)t * (size_t)size + d), square = multiply(x, x);
        store(powers + d, multiplyAdd(square, square, load(powers + d)));
      }
    }
    powers += size;
  }

 private:
  template <size_t STRIDE, class Sink>
  void multiplyBytes(const uint8_t* rows, const float* scales, int count, const QuantizedMatrix& matrix, Sink& sink) const {
#ifdef __AMX_TILE__
    if (usesTiles()) return multiplyRowsByTiles<STRIDE>(rows, scales, count, matrix, sink);
#endif
    multiplyRows<STRIDE>(rows, scales, count, matrix, sink);
  }
};
