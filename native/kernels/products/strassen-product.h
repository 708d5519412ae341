// Products in float32 with seven multiplications instead of eight: V. Strassen, "Gaussian elimination is not optimal" (Numerische Mathematik 13, 1969), in S. Winograd's form
// with fewer additions ("On multiplication of 2 × 2 matrices", Linear Algebra and its Applications 4, 1971).
//
// Two neighbouring rows A1 and A2 are halved in the middle of the inputs, a chunk of outputs into a left side (B1) and a right one (B2):
//
//   S1 = A21 + A22, S2 = S1 - A11, S3 = A11 - A21, S4 = A12 - S2        T1 = B12 - B11, T2 = B22 - T1, T3 = B22 - B12, T4 = B21 - T2
//   left of the first row    A11 B11 + A12 B21                          U2 = A11 B11 + S2 T2
//   left of the second       U3 + A22 T4                                U3 = U2 + S3 T3
//   right of the second      U3 + S1 T1
//   right of the first       U2 + S1 T1 + S4 B22
//
// What is made of the weights is made once for all, what is made of the rows once for all outputs, and most of the sums on the right go on in the registers where they are.
// So rows that are computed together must belong to one text: then a text's numbers depend on that text alone. All texts begin at even rows, and one of odd length
// has a row of padding behind it.
#pragma once
#include "float-product.h"

/** Pairs of rows in a block: the six rows of a register tile are first rows, or second ones, or what is made of both. */
constexpr int PAIR_BLOCK = 6;
constexpr int STRASSEN_PRODUCTS = 7;
/** Vectors of a side of a chunk: as many as have their sums in registers for six rows. */
#ifdef __AVX512F__
constexpr int SIDE_VECTORS = 4;
#else
constexpr int SIDE_VECTORS = 1;
#endif
/** Outputs of a chunk; the last may have half of it. */
constexpr int STRASSEN_CHUNK = 2 * SIDE_VECTORS * LANES;

/** For each chunk B11, B21, T2, T3, T4, T1 and B22, each as [input of a half][output of a side]. */
struct StrassenMatrix {
  int inputs, outputs;
  float* weights;
  float* biases;

  float* chunk(int output) const { return weights + (size_t)output / 2 * (size_t)(inputs / 2) * STRASSEN_PRODUCTS; }
  /** Outputs of each side of that chunk. */
  int side(int output) const { return (outputs - output < STRASSEN_CHUNK ? outputs - output : STRASSEN_CHUNK) / 2; }
};

struct StrassenScratch {
  float* mixed;  // for each product [16 inputs][row pair][16]
  float* tile;   // [row][output of a chunk]

  static constexpr size_t mixedSize(int mostInputs) { return (size_t)(STRASSEN_PRODUCTS * PAIR_BLOCK) * (size_t)(mostInputs / 2); }
  static constexpr size_t tileSize() { return (size_t)(2 * PAIR_BLOCK * STRASSEN_CHUNK); }
};

/** A11, A12, S2, S3, A22, S1 and S4 of some row pairs, in the order in which they are multiplied. */
template <int ROW_PAIRS>
static ALWAYS_INLINE void mixRows(const FloatRows& rows, int first, int half, float* mixed) {
  const size_t size = (size_t)half * ROW_PAIRS;
  for (int pair = 0; pair < ROW_PAIRS; pair++) {
    const float *a1 = rows.start + (size_t)(first + 2 * pair) * rows.stride, *a2 = a1 + rows.stride;
    float* to = mixed + pair * LANES;
    for (int k = 0; k < half; k += LANES, to += ROW_PAIRS * LANES) {
      const Floats a11 = load(a1 + k), a12 = load(a1 + half + k), a21 = load(a2 + k), a22 = load(a2 + half + k);
      const Floats s1 = add(a21, a22), s2 = subtract(s1, a11);
      store(to, a11);
      store(to + size, a12);
      store(to + 2 * size, s2);
      store(to + 3 * size, subtract(a11, a21));
      store(to + 4 * size, a22);
      store(to + 5 * size, s1);
      store(to + 6 * size, subtract(a12, s2));
    }
  }
}

/** One chunk of outputs for some row pairs, without biases, in three parts, which follow one another and leave what the next needs where it will be finished. */
template <int ROW_PAIRS, int VECTORS>
class ChunkProduct {
 public:
  static constexpr int SIDE = VECTORS * LANES;

  ChunkProduct(const StrassenMatrix& matrix, int output, const StrassenScratch& scratch)
      : half(matrix.inputs / 2), mixed(scratch.mixed), weights(matrix.chunk(output)), tile(scratch.tile) {}

  /** The values of a row on the left (0) or on the right (1). */
  const float* values(int row, int side) const { return tile + (2 * row + side) * SIDE; }

  __attribute__((noinline)) void multiplyLeftOfFirstRows() {
    Floats sums[ROW_PAIRS][VECTORS];
    clear(sums);
    addNext(sums);
    keep(sums, 1, 1);  // A11 B11
    addNext(sums);
    keep(sums, 0, 0);
  }

  __attribute__((noinline)) void multiplyLeftOfSecondRows() {
    Floats sums[ROW_PAIRS][VECTORS];
    clear(sums);
    addKept(sums, 1, 1);
    addNext(sums);
    keep(sums, 0, 1);  // U2
    addNext(sums);
    keep(sums, 1, 1);  // U3
    addNext(sums);
    keep(sums, 1, 0);
  }

  __attribute__((noinline)) void multiplyRight() {
    Floats sums[ROW_PAIRS][VECTORS];
    clear(sums);
    addNext(sums);
    UNROLL for (int p = 0; p < ROW_PAIRS; p++) UNROLL for (int v = 0; v < VECTORS; v++) {
      float* at = place(p, v, 1, 1);
      store(at, add(load(at), sums[p][v]));
    }
    addKept(sums, 0, 1);
    addNext(sums);
    keep(sums, 0, 1);
  }

 private:
  using Sums = Floats[ROW_PAIRS][VECTORS];
  const int half;
  const float *mixed, *weights;
  float* const tile;

  ALWAYS_INLINE float* place(int pair, int vector, int second, int right) const { return tile + (4 * pair + 2 * second + right) * SIDE + vector * LANES; }
  static ALWAYS_INLINE void clear(Sums& sums) {
    UNROLL for (int p = 0; p < ROW_PAIRS; p++) UNROLL for (int v = 0; v < VECTORS; v++) sums[p][v] = zeros();
  }
  ALWAYS_INLINE void keep(const Sums& sums, int second, int right) const {
    UNROLL for (int p = 0; p < ROW_PAIRS; p++) UNROLL for (int v = 0; v < VECTORS; v++) store(place(p, v, second, right), sums[p][v]);
  }
  ALWAYS_INLINE void addKept(Sums& sums, int second, int right) const {
    UNROLL for (int p = 0; p < ROW_PAIRS; p++) UNROLL for (int v = 0; v < VECTORS; v++) sums[p][v] = add(load(place(p, v, second, right)), sums[p][v]);
  }
  /** Adds the next of the seven products. */
  ALWAYS_INLINE void addNext(Sums& sums) {
    const float *row = mixed, *panel = weights;
    for (int k = 0; k < half; k += LANES, row += ROW_PAIRS * LANES) {
      _Pragma("GCC unroll 4") for (int i = 0; i < LANES; i++, panel += SIDE) {
        Floats weight[VECTORS];
        UNROLL for (int v = 0; v < VECTORS; v++) weight[v] = loadAligned(panel + LANES * v);
        UNROLL for (int p = 0; p < ROW_PAIRS; p++) {
          const Floats activation = splat(row[p * LANES + i]);
          UNROLL for (int v = 0; v < VECTORS; v++) sums[p][v] = multiplyAdd(activation, weight[v], sums[p][v]);
        }
      }
    }
    mixed = row;
    weights = panel;
  }
};

/** Values are handed on as soon as they are there: so many stores wait for the caches that all at once would hold up what comes next. */
template <int ROW_PAIRS, int VECTORS, class Sink>
static ALWAYS_INLINE void multiplyChunk(int first, const StrassenMatrix& matrix, int output, const StrassenScratch& scratch, Sink& sink) {
  ChunkProduct<ROW_PAIRS, VECTORS> product(matrix, output, scratch);
  const auto put = [&](int r, int side) __attribute__((always_inline)) {
    const int from = output + side * product.SIDE;
    Floats values[VECTORS];
    UNROLL for (int v = 0; v < VECTORS; v++) values[v] = add(load(product.values(r, side) + LANES * v), load(matrix.biases + from + LANES * v));
    sink.put(first, r, from, values);
  };
  product.multiplyLeftOfFirstRows();
  for (int r = 0; r < 2 * ROW_PAIRS; r += 2) put(r, 0);
  product.multiplyLeftOfSecondRows();
  for (int r = 1; r < 2 * ROW_PAIRS; r += 2) put(r, 0);
  product.multiplyRight();
  for (int r = 0; r < 2 * ROW_PAIRS; r++) put(r, 1);
}

/** Sides of one vector are handed on together, since sinks take 32 values at the least. */
template <int ROW_PAIRS, class Sink>
static ALWAYS_INLINE void multiplySmallChunk(int first, const StrassenMatrix& matrix, int output, const StrassenScratch& scratch, Sink& sink) {
  ChunkProduct<ROW_PAIRS, 1> product(matrix, output, scratch);
  product.multiplyLeftOfFirstRows();
  product.multiplyLeftOfSecondRows();
  product.multiplyRight();
  const Floats biases[2] = {load(matrix.biases + output), load(matrix.biases + output + LANES)};
  for (int r = 0; r < 2 * ROW_PAIRS; r++) {
    const Floats values[2] = {add(load(product.values(r, 0)), biases[0]), add(load(product.values(r, 1)), biases[1])};
    sink.put(first, r, output, values);
  }
}

/** The sinks are those of other products (sinks.h): `put` takes a side of a row, those on its left before those on its right, or both. */
template <int ROW_PAIRS, class Sink>
static __attribute__((noinline)) void multiplyPairBlock(const FloatRows& rows, int first, const StrassenMatrix& matrix, const StrassenScratch& scratch, Sink& sink) {
  mixRows<ROW_PAIRS>(rows, first, matrix.inputs / 2, scratch.mixed);
  int output = 0;
  if constexpr (SIDE_VECTORS == 1) {
    for (; output < matrix.outputs; output += STRASSEN_CHUNK) multiplySmallChunk<ROW_PAIRS>(first, matrix, output, scratch, sink);
  } else {
    for (; output + STRASSEN_CHUNK <= matrix.outputs; output += STRASSEN_CHUNK) multiplyChunk<ROW_PAIRS, SIDE_VECTORS>(first, matrix, output, scratch, sink);
    if (output < matrix.outputs) multiplyChunk<ROW_PAIRS, SIDE_VECTORS / 2>(first, matrix, output, scratch, sink);
  }
  sink.template finish<2 * ROW_PAIRS>(first, 0);
}

/** Multiplies `count` rows, an even number. Inputs and outputs are multiples of 64. */
template <class Sink>
static void multiplyRowPairs(const FloatRows& rows, int count, const StrassenMatrix& matrix, const StrassenScratch& scratch, Sink& sink) {
  for (int at = 0, left = count / 2; left > 0;) {
    // A small block waits for its weights, so the last seven to eleven pairs are two blocks of about one size.
    const int pairs = left >= 2 * PAIR_BLOCK || left == PAIR_BLOCK ? PAIR_BLOCK : left > PAIR_BLOCK ? (left + 1) / 2 : left;
    switch (pairs) {
      case 6: multiplyPairBlock<6>(rows, at, matrix, scratch, sink); break;
      case 5: multiplyPairBlock<5>(rows, at, matrix, scratch, sink); break;
      case 4: multiplyPairBlock<4>(rows, at, matrix, scratch, sink); break;
      case 3: multiplyPairBlock<3>(rows, at, matrix, scratch, sink); break;
      case 2: multiplyPairBlock<2>(rows, at, matrix, scratch, sink); break;
      case 1: multiplyPairBlock<1>(rows, at, matrix, scratch, sink); break;
    }
    at += 2 * pairs;
    left -= pairs;
  }
}
