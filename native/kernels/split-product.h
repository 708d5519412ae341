// Products in float32 by tiles of bfloat16: of the nine products of three parts by three the six that matter, a1 b1 + a1 b2 + a2 b1 + a1 b3 + a2 b2 + a3 b1 (G. Henry, P. Tang
// and A. Heinecke, 2019, arXiv:1904.06376); those left out are below 2^-26 of the whole. Sums are float32, one order of them for every block, so that a row's result
// depends on that row alone. Numbers under 2^-126 count as zero.
//
// A block is 32 rows by 32 outputs, two tiles by two: four tiles hold the sums and four the operands, of which fourteen are loaded for 24 multiplications. Where 16 rows are
// left, or fewer, it is one tile by four.
#pragma once
#include "quantized-product.h"
#include "split-rows.h"

/** For each 32 outputs, for each 32 inputs, for each part two tiles, each with 16 outputs. */
struct SplitMatrix {
  int inputs, outputs;
  uint16_t* weights;
  float* biases;

  static constexpr size_t sizeFor(size_t inputs, size_t outputs) { return inputs * outputs * SPLIT_PARTS; }
  /** `output` is a multiple of PANEL. */
  const uint16_t* panel(int output) const { return weights + (size_t)output * (size_t)inputs * SPLIT_PARTS; }
  /** Where the first parts of an output's first two weights are. */
  uint16_t* at(int output) const {
    const int lane = output % PANEL;
    return weights + (size_t)(output - lane) * (size_t)inputs * SPLIT_PARTS + (size_t)(lane / TILE_ROWS * TILE_NUMBERS + lane % TILE_ROWS * 2);
  }
};

/** `count` rows by a matrix, block by block. What one block leaves is handed to the sink while the tiles of the next multiply: that takes vectors alone. */
template <class Sink>
class SplitProduct {
 public:
  SplitProduct(const SplitRows& rows, int first, int count, const SplitMatrix& matrix, Sink& sink)
      : rows(rows), first(first), count(count), matrix(matrix), sink(sink), steps(matrix.inputs / TILE_INPUTS) {}

  void multiply() {
    const int tall = (count + TILE_ROWS - 1) / TILE_ROWS / 2 * 2 * TILE_ROWS;
    for (int output = 0; output < matrix.outputs; output += 2 * PANEL) {
      for (int half = 0; half < 2; half++) {
        for (int row = 0; row < tall; row += 2 * TILE_ROWS) multiplyTall(row, output + half * PANEL);
      }
      if (tall < count) multiplyWide(tall, output);
    }
    while (next < end) putNext();
  }

 private:
  static constexpr int BLOCK_VALUES = 4 * TILE_ROWS * TILE_ROWS;
  static constexpr int LINES = 2 * TILE_ROWS;
  const SplitRows& rows;
  const int first, count;
  const SplitMatrix& matrix;
  Sink& sink;
  const int steps;
  /** Sums of two blocks as [line][32]: a line is a row's, of a wide block's 64 outputs it has half. */
  alignas(64) float sums[2][BLOCK_VALUES];
  int current = 0;
  int next = 0, end = 0, linesOfStep = 0;
  int blockRow = 0, blockOutput = 0;
  bool isWide = false;

  ALWAYS_INLINE void putNext() {
    const int line = next++, row = blockRow + (isWide ? line % TILE_ROWS : line), output = blockOutput + (isWide ? line / TILE_ROWS * PANEL : 0);
    if (row >= count) return;
    const float* from = sums[current ^ 1] + line * PANEL;
    const Floats values[2] = {add(load(from), load(matrix.biases + output)), add(load(from + 16), load(matrix.biases + output + 16))};
    sink.put(first, row, output, values);
  }
  ALWAYS_INLINE void putSome() {
    const int until = next + linesOfStep < end ? next + linesOfStep : end;
    while (next < until) putNext();
  }
  void handOver(int row, int output, bool wide) {
    while (next < end) putNext();
    current ^= 1;
    next = 0;
    end = LINES;
    linesOfStep = (LINES + steps - 1) / steps;
    blockRow = row;
    blockOutput = output;
    isWide = wide;
  }

  __attribute__((noinline)) void multiplyTall(int row, int output) {
    const uint16_t *upper = rows.tiles(row), *lower = rows.tiles(row + TILE_ROWS), *weights = matrix.panel(output);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int step = 0; step < steps; step++) {
      // Two tiles of rows and two of weights, each with one part.
#define LOAD_ROWS(part) _tile_loadd(4, upper + part * TILE_NUMBERS, 64), _tile_loadd(5, lower + part * TILE_NUMBERS, 64)
#define LOAD_WEIGHTS(part) _tile_loadd(6, weights + 2 * part * TILE_NUMBERS, 64), _tile_loadd(7, weights + (2 * part + 1) * TILE_NUMBERS, 64)
#define MULTIPLY() _tile_dpbf16ps(0, 4, 6), _tile_dpbf16ps(1, 4, 7), _tile_dpbf16ps(2, 5, 6), _tile_dpbf16ps(3, 5, 7)
      LOAD_ROWS(2);
      LOAD_WEIGHTS(0);
      MULTIPLY();
      LOAD_ROWS(1);
      MULTIPLY();
      LOAD_WEIGHTS(1);
      MULTIPLY();
      LOAD_ROWS(0);
      MULTIPLY();
      LOAD_WEIGHTS(2);
      MULTIPLY();
      LOAD_WEIGHTS(0);
      MULTIPLY();
#undef LOAD_ROWS
#undef LOAD_WEIGHTS
#undef MULTIPLY
      upper += SPLIT_PARTS * TILE_NUMBERS;
      lower += SPLIT_PARTS * TILE_NUMBERS;
      weights += 2 * SPLIT_PARTS * TILE_NUMBERS;
      putSome();
    }
    float* to = sums[current];
    _tile_stored(0, to, PANEL * sizeof(float));
    _tile_stored(1, to + TILE_ROWS, PANEL * sizeof(float));
    _tile_stored(2, to + TILE_ROWS * PANEL, PANEL * sizeof(float));
    _tile_stored(3, to + TILE_ROWS * PANEL + TILE_ROWS, PANEL * sizeof(float));
    handOver(row, output, false);
  }

  /** The same sums in the same order, for one tile of rows and four of weights. */
  __attribute__((noinline)) void multiplyWide(int row, int output) {
    const uint16_t *from = rows.tiles(row), *left = matrix.panel(output), *right = matrix.panel(output + PANEL);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int step = 0; step < steps; step++) {
      _tile_loadd(4, from, 64);
      _tile_loadd(5, from + TILE_NUMBERS, 64);
      _tile_loadd(6, from + 2 * TILE_NUMBERS, 64);
#define MULTIPLY(sum, weights, part, rows1, rows2) \
  _tile_loadd(7, weights + part * 2 * TILE_NUMBERS, 64), _tile_dpbf16ps(sum, rows1, 7), _tile_dpbf16ps(sum, rows2, 7)
#define MULTIPLY_ONCE(sum, weights, part, rows1) _tile_loadd(7, weights + part * 2 * TILE_NUMBERS, 64), _tile_dpbf16ps(sum, rows1, 7)
      MULTIPLY(0, left, 0, 6, 5);
      MULTIPLY(1, left + TILE_NUMBERS, 0, 6, 5);
      MULTIPLY(2, right, 0, 6, 5);
      MULTIPLY(3, right + TILE_NUMBERS, 0, 6, 5);
      MULTIPLY(0, left, 1, 5, 4);
      MULTIPLY(1, left + TILE_NUMBERS, 1, 5, 4);
      MULTIPLY(2, right, 1, 5, 4);
      MULTIPLY(3, right + TILE_NUMBERS, 1, 5, 4);
      MULTIPLY_ONCE(0, left, 2, 4);
      MULTIPLY_ONCE(1, left + TILE_NUMBERS, 2, 4);
      MULTIPLY_ONCE(2, right, 2, 4);
      MULTIPLY_ONCE(3, right + TILE_NUMBERS, 2, 4);
      MULTIPLY_ONCE(0, left, 0, 4);
      MULTIPLY_ONCE(1, left + TILE_NUMBERS, 0, 4);
      MULTIPLY_ONCE(2, right, 0, 4);
      MULTIPLY_ONCE(3, right + TILE_NUMBERS, 0, 4);
#undef MULTIPLY
#undef MULTIPLY_ONCE
      from += SPLIT_PARTS * TILE_NUMBERS;
      left += 2 * SPLIT_PARTS * TILE_NUMBERS;
      right += 2 * SPLIT_PARTS * TILE_NUMBERS;
      putSome();
    }
    float* to = sums[current];
    _tile_stored(0, to, PANEL * sizeof(float));
    _tile_stored(1, to + TILE_ROWS, PANEL * sizeof(float));
    _tile_stored(2, to + TILE_ROWS * PANEL, PANEL * sizeof(float));
    _tile_stored(3, to + TILE_ROWS * PANEL + TILE_ROWS, PANEL * sizeof(float));
    handOver(row, output, true);
  }
};

/** Multiplies the `count` rows of a group, of which `first` is the number of the first. Inputs and outputs are multiples of 64. The sinks are those of other products (sinks.h). */
template <class Sink>
static void multiplySplitRows(const SplitRows& rows, int first, int count, const SplitMatrix& matrix, Sink& sink) {
  SplitProduct<Sink>(rows, first, count, matrix, sink).multiply();
  int row = 0;
  for (; row + 8 <= count; row += 8) sink.template finish<8>(first, row);
  for (; row < count; row++) sink.template finish<1>(first, row);
}
