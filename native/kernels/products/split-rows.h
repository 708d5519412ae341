// Rows of float32 for tiles, each number as a sum of three of bfloat16: the nearest to it, the nearest to what that leaves, and the rest. Together they have float32's 24
// digits (G. Henry, P. Tang and A. Heinecke, 2019, arXiv:1904.06376).
#pragma once
#include "../vectors/tiles.h"

constexpr int SPLIT_PARTS = 3;
/** Inputs of a tile, and numbers in it. */
constexpr int TILE_INPUTS = 32, TILE_NUMBERS = TILE_ROWS * TILE_INPUTS;

/** For each 16 rows, for each 32 inputs, for each part a tile. Rows behind the last may hold anything: a row's sums depend on that row alone. */
struct SplitRows {
  uint16_t* start;
  int inputs;

  static constexpr size_t sizeFor(size_t rows, size_t inputs) { return (rows + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS * inputs * SPLIT_PARTS; }
  /** `row` is a multiple of TILE_ROWS. */
  uint16_t* tiles(int row) const { return start + (size_t)row * (size_t)inputs * SPLIT_PARTS; }
  /** Where the first parts of 32 numbers go. `input` is a multiple of 32. */
  uint16_t* at(int row, int input) const {
    const int lane = row % TILE_ROWS;
    return tiles(row - lane) + (size_t)input * TILE_ROWS * SPLIT_PARTS + (size_t)lane * TILE_INPUTS;
  }
  SplitRows from(int row) const { return {tiles(row), inputs}; }
};

/**
 * The nearest number of bfloat16, ties away from zero, by its bits. What rounds to infinity (from 3.396e38 on) leaves minus infinity and then NaN, so that no sum with it is
 * finite; the NaN of AVX-512 (low bits zero) stays a NaN.
 */
static ALWAYS_INLINE Floats nearestBfloat16(Floats x) {
  const Integers shifted = add(asIntegers(x), splat(0x8000));
  return asFloats(bitwiseAnd(shifted, splat((int32_t)0xffff0000)));
}

/** The upper halves of both: of each four bytes the first two are of `a`, the others of `b`. */
static ALWAYS_INLINE Integers interleaveUpperHalves(Floats a, Floats b) {
  return _mm512_mask_blend_epi16(0xaaaaaaaa, shiftRight<16>(asIntegers(a)), asIntegers(b));
}

/** Splits 32 numbers, STRIDE from one part to the next. The first sixteen and the others take turns, as those of the weights do, so that no number changes its lane. */
template <int STRIDE = TILE_NUMBERS>
static ALWAYS_INLINE void splitNumbers(Floats a, Floats b, uint16_t* to) {
  UNROLL for (int part = 0; part < SPLIT_PARTS; part++, to += STRIDE) {
    const Floats nearestA = nearestBfloat16(a), nearestB = nearestBfloat16(b);
    storeAlignedIntegers(to, interleaveUpperHalves(nearestA, nearestB));
    a = subtract(a, nearestA);
    b = subtract(b, nearestB);
  }
}

/** Splits sixteen of 32 numbers, the first or the others, beside those that are there. */
static ALWAYS_INLINE void splitSixteen(Floats x, bool isSecond, uint16_t* to) {
  const __mmask32 places = isSecond ? 0xaaaaaaaa : 0x55555555;
  UNROLL for (int part = 0; part < SPLIT_PARTS; part++, to += TILE_NUMBERS) {
    const Floats nearest = nearestBfloat16(x);
    _mm512_mask_storeu_epi16(to, places, isSecond ? asIntegers(nearest) : shiftRight<16>(asIntegers(nearest)));
    x = subtract(x, nearest);
  }
}

/** Splits `count` rows of `rows.inputs` numbers. */
static void splitRows(const float* from, int count, const SplitRows& rows) {
  for (int row = 0; row < count; row++) {
    for (int input = 0; input < rows.inputs; input += TILE_INPUTS, from += TILE_INPUTS) splitNumbers(load(from), load(from + 16), rows.at(row, input));
  }
}
