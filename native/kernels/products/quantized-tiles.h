// Products of quantised rows with packed int8 weights by tiles: the same integers as quantized-product.h has, from the same memory, so the same logits to the last bit.
//
// A panel's weights are read once for a group of rows and stay in the first cache for it; with vectors they would be read again for every twelve rows, from the second or third cache,
// and tiles are too fast for that.
#pragma once
#include "quantized-product.h"
#include "../vectors/tiles.h"

/** Inputs that one multiplication of tiles takes, a byte each. */
constexpr int TILE_BYTES = 64;
/** Rows of a block: two tiles by the two of a panel have four tiles of sums. */
constexpr int TILE_BLOCK_ROWS = 2 * TILE_ROWS;
static_assert(GROUP_ROWS % TILE_BLOCK_ROWS == 0 && PANEL == 32, "a group is whole blocks, and a panel two tiles");
static_assert(MAX_HIDDEN + TILE_BYTES <= (int)HIDDEN_STRIDE && MAX_INNER + TILE_BYTES <= (int)INNER_STRIDE, "a row must have room for a tile of high bytes");

/** Sums of a block and a panel. */
struct alignas(64) TileSums {
  int32_t of[TILE_BLOCK_ROWS][PANEL];
};

// Tiles are named by literals. 0 and 1 are sums of the first sixteen rows, 2 and 3 of the others; 4 and 5 are rows, 6 and 7 weights.
template <bool TWO>
static ALWAYS_INLINE void addTileProducts(const uint8_t* rows, size_t stride, const int8_t* weights) {
  keepVectorsAwake();
  _tile_loadd(4, rows, stride);
  _tile_loadd(6, weights, 4 * PANEL);
  _tile_loadd(7, weights + 2 * PANEL, 4 * PANEL);
  _tile_dpbusd(0, 4, 6);
  _tile_dpbusd(1, 4, 7);
  if (TWO) {
    _tile_loadd(5, rows + TILE_ROWS * stride, stride);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
}

template <bool TWO>
static ALWAYS_INLINE void storeTileSums(TileSums& sums) {
  constexpr size_t stride = sizeof sums.of[0];
  _tile_stored(0, sums.of[0], stride);
  _tile_stored(1, sums.of[0] + TILE_ROWS, stride);
  if (TWO) {
    _tile_stored(2, sums.of[TILE_ROWS], stride);
    _tile_stored(3, sums.of[TILE_ROWS] + TILE_ROWS, stride);
  }
}

/** Sums of the high inputs. What follows a row's high bytes is zero, so the weights that the tiles have beside theirs count for nothing. */
template <bool TWO, size_t STRIDE>
static ALWAYS_INLINE void multiplyHighTiles(const uint8_t* rows, const QuantizedMatrix& matrix, const int8_t* weights, TileSums& sums) {
  _tile_zero(0);
  _tile_zero(1);
  if (TWO) {
    _tile_zero(2);
    _tile_zero(3);
  }
  addTileProducts<TWO>(rows + matrix.inputs, STRIDE, weights);
  storeTileSums<TWO>(sums);
}

template <bool TWO, size_t STRIDE>
static ALWAYS_INLINE void multiplyTiles(const uint8_t* rows, const QuantizedMatrix& matrix, const int8_t* weights, const int32_t* starts, TileSums& sums) {
  _tile_loadd(0, starts, 0);  // the same sixteen numbers for each row
  _tile_loadd(1, starts + TILE_ROWS, 0);
  if (TWO) {
    _tile_loadd(2, starts, 0);
    _tile_loadd(3, starts + TILE_ROWS, 0);
  }
  for (int k = 0; k < matrix.inputs; k += TILE_BYTES) addTileProducts<TWO>(rows + k, STRIDE, weights + (size_t)k * PANEL);
  storeTileSums<TWO>(sums);
}

template <bool HIGH>
static ALWAYS_INLINE Floats tileSum(const TileSums& sums, const TileSums& high, int r, int lane) {
  const Integers low = loadAlignedIntegers(sums.of[r] + lane);
  return toFloats(HIGH ? add(shiftLeft<HIGH_SHIFT>(loadAlignedIntegers(high.of[r] + lane)), low) : low);
}

/** `count` rows of a group from its row `from` on, by one panel. Tiles may read rows behind the last, which are no one's: their sums are left. */
template <bool TWO, bool HIGH, size_t STRIDE, class Sink>
static ALWAYS_INLINE void multiplyTileBlock(const uint8_t* rows, const float* rowScales, int first, int from, int count, const QuantizedMatrix& matrix, int panel,
                                            Sink& sink) {
  TileSums sums, high;
  const uint8_t* block = rows + (size_t)(first + from) * STRIDE;
  const int8_t* weights = weightsOf(matrix, panel);
  const int output = panel * PANEL;
  settleStores();
  if (HIGH) multiplyHighTiles<TWO, STRIDE>(block, matrix, weights, high);
  multiplyTiles<TWO, STRIDE>(block, matrix, weights + matrix.highInputs * PANEL, matrix.starts + output, sums);
  const Floats scale0 = load(matrix.scales + output), scale1 = load(matrix.scales + output + 16);
  const Floats bias0 = load(matrix.biases + output), bias1 = load(matrix.biases + output + 16);
  for (int r = 0; r < count; r++) {
    const Floats scale = splat(rowScales[first + from + r]);
    const Floats values[2] = {multiplyAdd(tileSum<HIGH>(sums, high, r, 0), multiply(scale, scale0), bias0),
                              multiplyAdd(tileSum<HIGH>(sums, high, r, 16), multiply(scale, scale1), bias1)};
    sink.put(first, from + r, output, values);
  }
}

/** Up to GROUP_ROWS rows. */
template <bool HIGH, size_t STRIDE, class Sink>
static __attribute__((noinline)) void multiplyTileGroup(const uint8_t* rows, const float* rowScales, int first, int count, const QuantizedMatrix& matrix, Sink& sink) {
  for (int panel = 0; panel < matrix.outputs / PANEL; panel++) {
    int from = 0;
    for (; count - from > TILE_ROWS; from += TILE_BLOCK_ROWS) {
      const int left = count - from;
      multiplyTileBlock<true, HIGH, STRIDE>(rows, rowScales, first, from, left < TILE_BLOCK_ROWS ? left : TILE_BLOCK_ROWS, matrix, panel, sink);
    }
    if (from < count) multiplyTileBlock<false, HIGH, STRIDE>(rows, rowScales, first, from, count - from, matrix, panel, sink);
  }
  finishGroup(sink, first, count);
}

/** As `multiplyRows`. */
template <size_t STRIDE, class Sink>
static void multiplyRowsByTiles(const uint8_t* rows, const float* scales, int count, const QuantizedMatrix& matrix, Sink& sink) {
  for (int first = 0; first < count; first += GROUP_ROWS) {
    const int together = count - first < GROUP_ROWS ? count - first : GROUP_ROWS;
    if (matrix.highInputs) {
      multiplyTileGroup<true, STRIDE>(rows, scales, first, together, matrix, sink);
    } else {
      multiplyTileGroup<false, STRIDE>(rows, scales, first, together, matrix, sink);
    }
  }
}
