// Products in float32 by tiles of bfloat16: of the nine products of three parts by three the six that matter, a1 b1 + a1 b2 + a2 b1 + a1 b3 + a2 b2 + a3 b1 (G. Henry, P. Tang
// and A. Heinecke, 2019, arXiv:1904.06376); those left out are below 2^-26 of the whole. Sums are float32, one order of them for every block, so that a row's result
// depends on that row alone. Numbers under 2^-126 count as zero.
//
// A block is 32 rows by 32 outputs, two tiles by two: four tiles hold the sums and four the operands, of which fourteen are loaded for 24 multiplications. Where 16 rows are
// left, or fewer, it is one tile by four. What hides behind the multiplications, 16 cycles each, costs little: loads of tiles, the sinks' vectors, fetching the weights that are next.
#pragma once
#include "quantized-product.h"
#include "split-rows.h"

/** For each 32 outputs, for each 32 inputs, for each part two tiles, each with 16 outputs. */
struct SplitMatrix {
  int inputs, outputs;
  uint16_t* weights;
  float* biases;

  static constexpr size_t sizeFor(size_t inputs, size_t outputs) { return inputs * outputs * SPLIT_PARTS; }
  /** Weights of PANEL outputs from some input on. `output` is a multiple of PANEL, `input` of TILE_INPUTS. */
  uint16_t* panel(int output, int input) const { return weights + ((size_t)output * (size_t)inputs + (size_t)input * PANEL) * SPLIT_PARTS; }
  /** Where the first parts of an output's first two weights are. */
  uint16_t* at(int output) const {
    const int lane = output % PANEL;
    return panel(output - lane, 0) + lane / TILE_ROWS * TILE_NUMBERS + lane % TILE_ROWS * 2;
  }
  /** The same matrix with `count` of its outputs alone, multiples of PANEL. */
  SplitMatrix part(int output, int count) const { return {inputs, count, panel(output, 0), biases + output}; }
};

/** Sums of the inputs so far, a tile for each 16 rows and 16 outputs. */
struct SplitSums {
  float* start;
  int outputs;

  float* tile(int row, int output) const { return start + (size_t)row * (size_t)outputs + (size_t)output * TILE_ROWS; }
  SplitSums from(int row) const { return {tile(row, 0), outputs}; }
};

/**
 * `count` rows by a matrix, block by block. The rows may be some of the matrix's inputs, from `firstInput` on: `sums` then has those of the inputs before and takes those that
 * are not the last. What one block leaves is handed to the sink while the tiles of the next multiply: that takes vectors alone.
 */
template <class Sink>
class SplitProduct {
 public:
  SplitProduct(const SplitRows& rows, int first, int count, const SplitMatrix& matrix, int firstInput, const SplitSums& sums, Sink& sink)
      : rows(rows), matrix(matrix), sums(sums), sink(sink), first(first), count(count), firstInput(firstInput), steps(rows.inputs / TILE_INPUTS),
        isLast(firstInput + rows.inputs == matrix.inputs), tall((count + TILE_ROWS - 1) / (2 * TILE_ROWS) * 2 * TILE_ROWS),
        linesAtOnce((LINES + PAUSES * steps - 1) / (PAUSES * steps)), fetchedAtOnce(tall ? (FETCHED_OF_STEP * 2 * TILE_ROWS + PAUSES * tall - 1) / (PAUSES * tall) : 0) {}

  void multiply() {
    for (int output = 0; output < matrix.outputs; output += 2 * PANEL) {
      for (int half = 0; half < 2; half++) {
        const int start = output + half * PANEL;
        ahead = (const char*)matrix.panel(start + PANEL, firstInput);
        for (int row = 0; row < tall; row += 2 * TILE_ROWS) multiplyTall({row, start, false});
      }
      if (tall < count) multiplyWide({tall, output, true});
    }
    while (next < end) putLine();
  }

 private:
  /** Where a block begins, and whether it is one tile by four. */
  struct Block {
    int row, output;
    bool isWide;
  };
  static constexpr int TILE_SUMS = TILE_ROWS * TILE_ROWS;
  /** Lines of 32 values in a block: of a tall one each is a row's, of a wide one two are. */
  static constexpr int LINES = 2 * TILE_ROWS;
  /** Times in 32 inputs that other work goes between the multiplications, a little each time: the processor sees a few hundred operations ahead. */
  static constexpr int PAUSES = 3;
  /** Cache lines of a panel's weights of 32 inputs. */
  static constexpr int FETCHED_OF_STEP = 2 * SPLIT_PARTS * TILE_ROWS;

  const SplitRows& rows;
  const SplitMatrix& matrix;
  const SplitSums& sums;
  Sink& sink;
  const int first, count, firstInput, steps;
  const bool isLast;
  /** Rows that go by blocks of 32. */
  const int tall, linesAtOnce, fetchedAtOnce;
  /** Weights of the panel that is next, which are fetched into the second cache while the rows go by; behind the last it is what follows there. */
  const char* ahead = nullptr;
  /** The block that is multiplied and the one before it, whose lines from `next` on are to be put. */
  alignas(64) float values[2][4 * TILE_SUMS];
  int current = 0, next = 0, end = 0;
  Block before = {};

  ALWAYS_INLINE void putLine() {
    const int line = next++, half = line / TILE_ROWS, lane = line % TILE_ROWS;
    const int row = before.row + (before.isWide ? lane : line), output = before.output + (before.isWide ? half * PANEL : 0);
    if (row >= count) return;
    const float *from = values[current ^ 1] + half * 2 * TILE_SUMS + lane * TILE_ROWS, *biases = matrix.biases + output;
    const Floats both[2] = {add(load(from), load(biases)), add(load(from + TILE_SUMS), load(biases + TILE_ROWS))};
    sink.put(first, row, output, both);
  }
  ALWAYS_INLINE void pause() {
    for (int i = 0; i < fetchedAtOnce; i++, ahead += 64) _mm_prefetch(ahead, _MM_HINT_T1);
    for (const int until = next + linesAtOnce < end ? next + linesAtOnce : end; next < until;) putLine();
  }

  float* kept(const Block& block, int tile) const {
    return block.isWide ? sums.tile(block.row, block.output + tile * TILE_ROWS) : sums.tile(block.row + tile / 2 * TILE_ROWS, block.output + tile % 2 * TILE_ROWS);
  }
  ALWAYS_INLINE void begin(const Block& block) {
    settleStores();
    if (firstInput == 0) {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    } else {
      _tile_loadd(0, kept(block, 0), 64);
      _tile_loadd(1, kept(block, 1), 64);
      _tile_loadd(2, kept(block, 2), 64);
      _tile_loadd(3, kept(block, 3), 64);
    }
  }
  ALWAYS_INLINE void finish(const Block& block) {
    float* to = values[current];
    _tile_stored(0, isLast ? to : kept(block, 0), 64);
    _tile_stored(1, isLast ? to + TILE_SUMS : kept(block, 1), 64);
    _tile_stored(2, isLast ? to + 2 * TILE_SUMS : kept(block, 2), 64);
    _tile_stored(3, isLast ? to + 3 * TILE_SUMS : kept(block, 3), 64);
    if (!isLast) return;
    while (next < end) putLine();
    current ^= 1;
    next = 0;
    end = LINES;
    before = block;
  }

  static ALWAYS_INLINE void loadRows(const uint16_t* upper, const uint16_t* lower, int part) {
    _tile_loadd(4, upper + part * TILE_NUMBERS, 64);
    _tile_loadd(5, lower + part * TILE_NUMBERS, 64);
  }
  static ALWAYS_INLINE void loadWeights(const uint16_t* weights, int part) {
    _tile_loadd(6, weights + 2 * part * TILE_NUMBERS, 64);
    _tile_loadd(7, weights + (2 * part + 1) * TILE_NUMBERS, 64);
  }
  static ALWAYS_INLINE void addProducts() {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }

  __attribute__((noinline)) void multiplyTall(const Block& block) {
    const uint16_t *upper = rows.tiles(block.row), *lower = rows.tiles(block.row + TILE_ROWS), *weights = matrix.panel(block.output, firstInput);
    begin(block);
    for (int step = 0; step < steps; step++) {
      keepVectorsAwake();
      loadRows(upper, lower, 2);
      loadWeights(weights, 0);
      addProducts();
      loadRows(upper, lower, 1);
      addProducts();
      pause();
      loadWeights(weights, 1);
      addProducts();
      loadRows(upper, lower, 0);
      addProducts();
      pause();
      loadWeights(weights, 2);
      addProducts();
      loadWeights(weights, 0);
      addProducts();
      pause();
      upper += SPLIT_PARTS * TILE_NUMBERS;
      lower += SPLIT_PARTS * TILE_NUMBERS;
      weights += 2 * SPLIT_PARTS * TILE_NUMBERS;
    }
    finish(block);
  }

  /** The same sums in the same order. */
  __attribute__((noinline)) void multiplyWide(const Block& block) {
    const uint16_t *from = rows.tiles(block.row), *left = matrix.panel(block.output, firstInput), *right = matrix.panel(block.output + PANEL, firstInput);
    const auto weights = [&](int tile, int part) __attribute__((always_inline)) { return (tile < 2 ? left : right) + (2 * part + tile % 2) * TILE_NUMBERS; };
    begin(block);
    for (int step = 0; step < steps; step++) {
      keepVectorsAwake();
      _tile_loadd(4, from, 64);
      _tile_loadd(5, from + TILE_NUMBERS, 64);
      _tile_loadd(6, from + 2 * TILE_NUMBERS, 64);
      _tile_loadd(7, weights(0, 0), 64); _tile_dpbf16ps(0, 6, 7); _tile_dpbf16ps(0, 5, 7);
      _tile_loadd(7, weights(1, 0), 64); _tile_dpbf16ps(1, 6, 7); _tile_dpbf16ps(1, 5, 7);
      _tile_loadd(7, weights(2, 0), 64); _tile_dpbf16ps(2, 6, 7); _tile_dpbf16ps(2, 5, 7);
      _tile_loadd(7, weights(3, 0), 64); _tile_dpbf16ps(3, 6, 7); _tile_dpbf16ps(3, 5, 7);
      pause();
      _tile_loadd(7, weights(0, 1), 64); _tile_dpbf16ps(0, 5, 7); _tile_dpbf16ps(0, 4, 7);
      _tile_loadd(7, weights(1, 1), 64); _tile_dpbf16ps(1, 5, 7); _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(7, weights(2, 1), 64); _tile_dpbf16ps(2, 5, 7); _tile_dpbf16ps(2, 4, 7);
      _tile_loadd(7, weights(3, 1), 64); _tile_dpbf16ps(3, 5, 7); _tile_dpbf16ps(3, 4, 7);
      pause();
      _tile_loadd(7, weights(0, 2), 64); _tile_dpbf16ps(0, 4, 7);
      _tile_loadd(7, weights(1, 2), 64); _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(7, weights(2, 2), 64); _tile_dpbf16ps(2, 4, 7);
      _tile_loadd(7, weights(3, 2), 64); _tile_dpbf16ps(3, 4, 7);
      _tile_loadd(7, weights(0, 0), 64); _tile_dpbf16ps(0, 4, 7);
      _tile_loadd(7, weights(1, 0), 64); _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(7, weights(2, 0), 64); _tile_dpbf16ps(2, 4, 7);
      _tile_loadd(7, weights(3, 0), 64); _tile_dpbf16ps(3, 4, 7);
      pause();
      from += SPLIT_PARTS * TILE_NUMBERS;
      left += 2 * SPLIT_PARTS * TILE_NUMBERS;
      right += 2 * SPLIT_PARTS * TILE_NUMBERS;
    }
    finish(block);
  }
};

/** Multiplies the `count` rows of a group, of which `first` is the number of the first. Inputs and outputs are multiples of 64. The sinks are those of other products (sinks.h). */
template <class Sink>
static void multiplySplitRows(const SplitRows& rows, int first, int count, const SplitMatrix& matrix, Sink& sink) {
  SplitProduct<Sink>(rows, first, count, matrix, 0, {}, sink).multiply();
}

/** The last of the inputs, with the sums of those before: residuals, norms and whatever else the sink finishes. At most GROUP_ROWS rows. */
template <class Sink>
static void finishSplitRows(const SplitRows& rows, int count, const SplitMatrix& matrix, int firstInput, const SplitSums& sums, Sink& sink) {
  SplitProduct<Sink>(rows, 0, count, matrix, firstInput, sums, sink).multiply();
  finishGroup(sink, 0, count);
}

/** Some of the inputs that are not the last: into `sums`, after those before them. */
static void addSplitRows(const SplitRows& rows, int count, const SplitMatrix& matrix, int firstInput, const SplitSums& sums) {
  struct {
    ALWAYS_INLINE void put(int, int, int, const Floats (&)[2]) {}
  } none;
  SplitProduct<decltype(none)>(rows, 0, count, matrix, firstInput, sums, none).multiply();
}
