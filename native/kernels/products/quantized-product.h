// Products of quantised rows with packed int8 weights: blocks of up to BLOCK_ROWS rows by panels of 32 outputs.
//
// A row is unsigned bytes a with one scale s, an output signed bytes w with one scale t: sum(a w) is exact in 32 bits (4,096 * 255 * 127 < 2^31), so the
// result s t sum(a w) + bias depends on that row and on nothing else in the run. What a row's zero point adds is known beforehand and stands in `starts` or `biases`.
//
// A few inputs may be there twice, the second time 128 times as large: the high bytes of values, or of weights, for which eight bits are too few (outliers.h, heavy-inputs.h).
// Their sums are made first, shifted, and the others added, so that all is one integer still (16 * 255 * 127 * 128 more).
#pragma once
#include "../../engine.h"
#ifdef __AVX512VNNI__
#include "multiply-bytes-512.h"
#elif defined(__AVXVNNI__)
#include "multiply-bytes-256-vnni.h"
#else
#include "multiply-bytes-256.h"
#endif

/** Most rows that a sink is given before it finishes them (sinks.h). */
constexpr int GROUP_ROWS = 96;
constexpr int PANEL = 32;
/**
 * Bytes from one quantised row to the next, whatever the model's size: with a constant the twelve rows of a block are addressed from one register.
 * One cache line more than the largest row, so that the rows of a block do not fall on the same sets of the first cache.
 */
constexpr size_t HIDDEN_STRIDE = 1024 + 64;
constexpr size_t INNER_STRIDE = 4096 + 64;

/** Inputs that are there twice. A row has their high bytes behind its own. */
constexpr int HIGH_INPUTS = 16;
constexpr int HIGH_SHIFT = 7;
static_assert(MAX_HIDDEN + HIGH_INPUTS <= (int)HIDDEN_STRIDE && MAX_INNER + HIGH_INPUTS <= (int)INNER_STRIDE, "a quantised row must have room for the high bytes");

/** A whole number as `high * 128 + low`, with `low` from -64 to 63, and `high` at most MOST_HIGH where it is at most MOST_WITH_HIGH in magnitude. */
constexpr int MOST_WITH_HIGH = MOST_HIGH << HIGH_SHIFT;
/** The largest weight that has one byte. */
constexpr int MOST_WEIGHT = 127;

/** Weights as they are read: for each panel, for each four inputs, 32 outputs of four bytes. The high inputs, none or HIGH_INPUTS of them, stand before the others. */
struct QuantizedMatrix {
  int inputs, outputs, highInputs;
  int8_t* weights;
  float* scales;
  float* biases;
  int32_t* starts;
  int32_t* heavy;  // which inputs are there twice for their weights' sake (heavy-inputs.h)
};

static ALWAYS_INLINE int8_t* weightsOf(const QuantizedMatrix& matrix, int panel) {
  return matrix.weights + (size_t)panel * PANEL * (size_t)(matrix.inputs + matrix.highInputs);
}

/** Where a weight is written: `input` from 0 on, or from -HIGH_INPUTS on of those that are there twice. */
static ALWAYS_INLINE int8_t* weightAt(const QuantizedMatrix& matrix, int output, int input) {
  const size_t place = (size_t)(matrix.highInputs + input);
  return weightsOf(matrix, output / PANEL) + place / 4 * 4 * PANEL + (size_t)(output % PANEL) * 4 + place % 4;
}

template <int ROWS, size_t STRIDE>
static ALWAYS_INLINE void multiplyPanel(const uint8_t* rows, const QuantizedMatrix& matrix, int panel, Integers (&sums)[ROWS][2]) {
  const int8_t* weights = weightsOf(matrix, panel);
  const int32_t* starts = matrix.starts + panel * PANEL;
  const Integers start0 = loadIntegers(starts), start1 = loadIntegers(starts + 16);
  if (matrix.highInputs) {
    UNROLL for (int r = 0; r < ROWS; r++) sums[r][0] = sums[r][1] = zeroIntegers();
    addProducts<ROWS, STRIDE>(rows + matrix.inputs, weights, HIGH_INPUTS, sums);
    UNROLL for (int r = 0; r < ROWS; r++) {
      sums[r][0] = add(shiftLeft<HIGH_SHIFT>(sums[r][0]), start0);
      sums[r][1] = add(shiftLeft<HIGH_SHIFT>(sums[r][1]), start1);
    }
    weights += HIGH_INPUTS * PANEL;
  } else {
    UNROLL for (int r = 0; r < ROWS; r++) {
      sums[r][0] = start0;
      sums[r][1] = start1;
    }
  }
  addProducts<ROWS, STRIDE>(rows, weights, matrix.inputs, sums);
}

/** Has a sink finish a group's rows, whose arithmetic is the same in each size of block. */
template <class Sink>
static ALWAYS_INLINE void finishGroup(Sink& sink, int first, int count) {
  int at = 0;
  for (; at + 12 <= count; at += 12) sink.template finish<12>(first, at);
  if (at + 8 <= count) sink.template finish<8>(first, at), at += 8;
  if (at + 4 <= count) sink.template finish<4>(first, at), at += 4;
  for (; at < count; at++) sink.template finish<1>(first, at);
}

/** ROWS of a group from its row `from` on, by one panel. A sink (sinks.h) is what a product is for: `put` takes 32 values of a row, `finish` comes when a group's rows are there. */
template <int ROWS, size_t STRIDE, class Sink>
static ALWAYS_INLINE void multiplyBlock(const uint8_t* rows, const float* rowScales, int first, int from, const QuantizedMatrix& matrix, int panel, Sink& sink) {
  Integers sums[ROWS][2];
  const int output = panel * PANEL;
  multiplyPanel<ROWS, STRIDE>(rows + (size_t)(first + from) * STRIDE, matrix, panel, sums);
  const Floats scale0 = load(matrix.scales + output), scale1 = load(matrix.scales + output + 16);
  const Floats bias0 = load(matrix.biases + output), bias1 = load(matrix.biases + output + 16);
  UNROLL for (int r = 0; r < ROWS; r++) {
    const Floats scale = splat(rowScales[first + from + r]);
    const Floats values[2] = {multiplyAdd(toFloats(sums[r][0]), multiply(scale, scale0), bias0),
                              multiplyAdd(toFloats(sums[r][1]), multiply(scale, scale1), bias1)};
    sink.put(first, from + r, output, values);
  }
}

/** A group that is one block. */
template <int ROWS, size_t STRIDE, class Sink>
static __attribute__((noinline)) void multiplyWholeBlock(const uint8_t* rows, const float* rowScales, int first, const QuantizedMatrix& matrix, Sink& sink) {
  for (int panel = 0; panel < matrix.outputs / PANEL; panel++) multiplyBlock<ROWS, STRIDE>(rows, rowScales, first, 0, matrix, panel, sink);
  sink.template finish<ROWS>(first, 0);
}

/** Multiplies `count` rows, each block by all panels. The last few go in smaller blocks; the arithmetic of a row is the same in each. */
template <size_t STRIDE, class Sink>
static void multiplyBlocks(const uint8_t* rows, const float* scales, int count, const QuantizedMatrix& matrix, Sink& sink) {
  int at = 0;
  for (; at + BLOCK_ROWS <= count; at += BLOCK_ROWS) multiplyWholeBlock<BLOCK_ROWS, STRIDE>(rows, scales, at, matrix, sink);
  if (at + 8 <= count) multiplyWholeBlock<8, STRIDE>(rows, scales, at, matrix, sink), at += 8;
  if (at + 6 <= count) multiplyWholeBlock<6, STRIDE>(rows, scales, at, matrix, sink), at += 6;
  if (at + 4 <= count) multiplyWholeBlock<4, STRIDE>(rows, scales, at, matrix, sink), at += 4;
  if (at + 2 <= count) multiplyWholeBlock<2, STRIDE>(rows, scales, at, matrix, sink), at += 2;
  if (at < count) multiplyWholeBlock<1, STRIDE>(rows, scales, at, matrix, sink);
}

/** The same for a group of rows, each panel by all of its blocks: where blocks are small, weights would come from the second or third cache too often. */
template <size_t STRIDE, class Sink>
static __attribute__((noinline)) void multiplyGroup(const uint8_t* rows, const float* scales, int first, int count, const QuantizedMatrix& matrix, Sink& sink) {
  for (int panel = 0; panel < matrix.outputs / PANEL; panel++) {
    int from = 0;
    for (; from + BLOCK_ROWS <= count; from += BLOCK_ROWS) multiplyBlock<BLOCK_ROWS, STRIDE>(rows, scales, first, from, matrix, panel, sink);
    for (; from + 2 <= count; from += 2) multiplyBlock<2, STRIDE>(rows, scales, first, from, matrix, panel, sink);
    if (from < count) multiplyBlock<1, STRIDE>(rows, scales, first, from, matrix, panel, sink);
  }
  finishGroup(sink, first, count);
}

/** Multiplies `count` rows. */
template <size_t STRIDE, class Sink>
static void multiplyRows(const uint8_t* rows, const float* scales, int count, const QuantizedMatrix& matrix, Sink& sink) {
  if constexpr (ROWS_TOGETHER == BLOCK_ROWS) {
    multiplyBlocks<STRIDE>(rows, scales, count, matrix, sink);
  } else {
    for (int first = 0; first < count; first += ROWS_TOGETHER) {
      multiplyGroup<STRIDE>(rows, scales, first, count - first < ROWS_TOGETHER ? count - first : ROWS_TOGETHER, matrix, sink);
    }
  }
}
