// Products in float32: blocks of up to six rows by panels of outputs. Every sum begins with the bias and takes the inputs in their order, whatever the block, so a
// row's result depends on that row alone.
//
// Six by four vectors of sums, four of weights and one activation fit the 32 registers of AVX-512 with ten loads for 24 multiply-adds. On Zen 4 that is 93 to 98 % of the 32
// operations a cycle that the processor has; twelve rows by two vectors, which needs fourteen loads, is 88 %. AVX2 has half of the registers, half as wide: six by one.
#pragma once
#include "../vectors/vectors.h"

constexpr int FLOAT_BLOCK_ROWS = 6;
/** Vectors of a panel, and of those that are summed together. */
#ifdef __AVX512F__
constexpr int FLOAT_VECTORS = 4, FLOAT_BLOCK_VECTORS = 4;
#else
constexpr int FLOAT_VECTORS = 2, FLOAT_BLOCK_VECTORS = 1;
#endif
/** Rows that go by a panel of weights before the next, where they do. */
constexpr int FLOAT_GROUP_ROWS = 48;
constexpr int FLOAT_PANEL = FLOAT_VECTORS * LANES;

/** [panel][input][FLOAT_PANEL]; the last panel may have 32. No biases are none. */
struct FloatMatrix {
  int inputs, outputs;
  float* weights;
  float* biases;
};

struct FloatRows {
  const float* start;
  size_t stride;
};

/** Some vectors of a panel of VECTORS, from FIRST on. */
template <int ROWS, int VECTORS, int FIRST, int TOGETHER>
static ALWAYS_INLINE void addFloatProducts(const FloatRows& rows, const float* from, const float* weights, int inputs, Floats (&sums)[ROWS][VECTORS]) {
  Floats own[ROWS][TOGETHER];
  UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int v = 0; v < TOGETHER; v++) own[r][v] = sums[r][FIRST + v];
  _Pragma("GCC unroll 4") for (int k = 0; k < inputs; k++) {
    Floats weight[TOGETHER];
    UNROLL for (int v = 0; v < TOGETHER; v++) weight[v] = loadAligned(weights + (size_t)k * LANES * VECTORS + LANES * (FIRST + v));
    UNROLL for (int r = 0; r < ROWS; r++) {
      const Floats activation = splat(from[r * rows.stride + k]);
      UNROLL for (int v = 0; v < TOGETHER; v++) own[r][v] = multiplyAdd(activation, weight[v], own[r][v]);
    }
  }
  UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int v = 0; v < TOGETHER; v++) sums[r][FIRST + v] = own[r][v];
}

/** ROWS of a group (sinks.h) from its row `at` on. */
template <int ROWS, int VECTORS, class Sink>
static ALWAYS_INLINE void multiplyFloatPanel(const FloatRows& rows, int first, int at, const FloatMatrix& matrix, int output, Sink& sink) {
  const float *from = rows.start + (size_t)(first + at) * rows.stride, *weights = matrix.weights + (size_t)output * (size_t)matrix.inputs;
  Floats sums[ROWS][VECTORS];
  UNROLL for (int v = 0; v < VECTORS; v++) {
    const Floats bias = matrix.biases ? load(matrix.biases + output + LANES * v) : zeros();
    UNROLL for (int r = 0; r < ROWS; r++) sums[r][v] = bias;
  }
  if constexpr (FLOAT_BLOCK_VECTORS == 1) {
    static_assert(VECTORS == 2, "both vectors have their turn");
    addFloatProducts<ROWS, VECTORS, 0, 1>(rows, from, weights, matrix.inputs, sums);
    addFloatProducts<ROWS, VECTORS, 1, 1>(rows, from, weights, matrix.inputs, sums);
  } else {
    addFloatProducts<ROWS, VECTORS, 0, VECTORS>(rows, from, weights, matrix.inputs, sums);
  }
  UNROLL for (int r = 0; r < ROWS; r++) sink.put(first, at + r, output, sums[r]);
}

/** What a product is for (sinks.h): `put` takes a panel's values of a row, or 32, and `finish` comes when all of a block's rows are there. */
template <int ROWS, class Sink>
static __attribute__((noinline)) void multiplyFloatBlock(const FloatRows& rows, int first, const FloatMatrix& matrix, Sink& sink) {
  int output = 0;
  for (; output + FLOAT_PANEL <= matrix.outputs; output += FLOAT_PANEL) multiplyFloatPanel<ROWS, FLOAT_VECTORS>(rows, first, 0, matrix, output, sink);
  if (output < matrix.outputs) multiplyFloatPanel<ROWS, 2>(rows, first, 0, matrix, output, sink);
  sink.template finish<ROWS>(first, 0);
}

template <class Sink>
static void multiplyFloatRows(const FloatRows& rows, int count, const FloatMatrix& matrix, Sink& sink) {
  int at = 0;
  for (; at + FLOAT_BLOCK_ROWS <= count; at += FLOAT_BLOCK_ROWS) multiplyFloatBlock<FLOAT_BLOCK_ROWS>(rows, at, matrix, sink);
  switch (count - at) {
    case 5: return multiplyFloatBlock<5>(rows, at, matrix, sink);
    case 4: return multiplyFloatBlock<4>(rows, at, matrix, sink);
    case 3: return multiplyFloatBlock<3>(rows, at, matrix, sink);
    case 2: return multiplyFloatBlock<2>(rows, at, matrix, sink);
    case 1: return multiplyFloatBlock<1>(rows, at, matrix, sink);
  }
}

template <int VECTORS, class Sink>
static __attribute__((noinline)) void multiplyFloatPanelOfGroup(const FloatRows& rows, int first, int count, const FloatMatrix& matrix, int output, Sink& sink) {
  int at = 0;
  for (; at + FLOAT_BLOCK_ROWS <= count; at += FLOAT_BLOCK_ROWS) multiplyFloatPanel<FLOAT_BLOCK_ROWS, VECTORS>(rows, first, at, matrix, output, sink);
  if (at + 3 <= count) multiplyFloatPanel<3, VECTORS>(rows, first, at, matrix, output, sink), at += 3;
  for (; at < count; at++) multiplyFloatPanel<1, VECTORS>(rows, first, at, matrix, output, sink);
}

/** As `multiplyFloatRows`, each panel by a group of rows: a matrix of megabytes comes from the third cache or from memory, and so for each group instead of for each block. */
template <class Sink>
static void multiplyFloatGroups(const FloatRows& rows, int count, const FloatMatrix& matrix, Sink& sink) {
  for (int first = 0; first < count; first += FLOAT_GROUP_ROWS) {
    const int together = count - first < FLOAT_GROUP_ROWS ? count - first : FLOAT_GROUP_ROWS;
    int output = 0;
    for (; output + FLOAT_PANEL <= matrix.outputs; output += FLOAT_PANEL) multiplyFloatPanelOfGroup<FLOAT_VECTORS>(rows, first, together, matrix, output, sink);
    if (output < matrix.outputs) multiplyFloatPanelOfGroup<2>(rows, first, together, matrix, output, sink);
    for (int at = 0; at < together; at += FLOAT_BLOCK_ROWS) {
      if (at + FLOAT_BLOCK_ROWS <= together) {
        sink.template finish<FLOAT_BLOCK_ROWS>(first, at);
      } else {
        for (int r = at; r < together; r++) sink.template finish<1>(first, r);
      }
    }
  }
}
