// Attention by tiles: sixteen queries by 32 keys, then their shares by 32 tokens' values. Operands lie as attention.h has them, which is how tiles read them as well; sums are in float32 in
// another order, so results differ from the vectors' by float32's rounding, far less than bfloat16's.
#pragma once
#include "attention.h"
#include "../vectors/tiles.h"

/** Keys, and tokens whose values are mixed, that go together. */
constexpr int TILE_KEYS = 2 * TILE_ROWS;
static_assert(HALF == 2 * TILE_ROWS && ATTENTION_ROWS >= TILE_ROWS, "half a head is a tile's row, and a tile's rows of scores must have room");

/** Scores of sixteen rows of queries, whosever they are, and all keys. */
template <int HALVES, int STRIDE>
static ALWAYS_INLINE void scoreByTiles(const AttentionHead<Bfloat16>& head, const uint16_t* queries) {
  constexpr size_t rowBytes = HALF * sizeof(uint16_t), stride = STRIDE * sizeof(float);
  settleStores();
  _tile_loadd(4, queries, rowBytes);
  if (HALVES == 2) _tile_loadd(5, queries + head.queryHalf, rowBytes);
  for (int j = 0; j < head.length; j += TILE_KEYS) {
    const uint16_t *keys = head.keys + (size_t)j * HALVES * HALF, *next = keys + TILE_ROWS * HALVES * HALF;
    _tile_zero(0);
    _tile_zero(1);
    _tile_loadd(6, keys, rowBytes);
    _tile_loadd(7, next, rowBytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if (HALVES == 2) {
      _tile_loadd(6, keys + TILE_ROWS * HALF, rowBytes);
      _tile_loadd(7, next + TILE_ROWS * HALF, rowBytes);
      _tile_dpbf16ps(0, 5, 6);
      _tile_dpbf16ps(1, 5, 7);
    }
    _tile_stored(0, head.scores + j, stride);
    _tile_stored(1, head.scores + j + TILE_ROWS, stride);
  }
}

/** Shares of a row as 2^score, zero behind the text, and their sum. The largest score's magnitude goes into `top`. */
static ALWAYS_INLINE Floats shareRow(const float* scores, uint16_t* shares, int length, Floats& top) {
  Floats sum = zeros();
  const auto share = [&](int j, LaneBits inside0, LaneBits inside1) __attribute__((always_inline)) {
    const Floats a = load(scores + j, inside0), b = load(scores + j + 16, inside1);
    top = largerMagnitude(top, largerMagnitude(a, b));
    const Floats share0 = only(inside0, Bfloat16::power(a)), share1 = only(inside1, Bfloat16::power(b));
    sum = add(sum, add(share0, share1));
    Bfloat16::storeHalf(shares + j, share0, share1);
  };
  int j = 0;
  for (; j + TILE_KEYS <= length; j += TILE_KEYS) share(j, 0xffff, 0xffff);
  if (j < length) share(j, firstLanes(length - j), firstLanes(length - j - 16));
  return sum;
}

/** The values of all tokens, weighted by the shares of sixteen rows. Behind the text shares and values are zero. */
template <int HALVES, int STRIDE>
static ALWAYS_INLINE void mixByTiles(const AttentionHead<Bfloat16>& head, int count, const float* inverseSums, float* out) {
  constexpr size_t stride = 2 * HALF * sizeof(uint16_t);
  alignas(64) float sums[TILE_ROWS][HALF];
  settleStores();
  for (int half = 0; half < HALVES; half++) {
    _tile_zero(0);
    _tile_zero(1);
    for (int t = 0; t < head.length; t += TILE_KEYS) {
      const uint16_t* values = head.values[half] + (size_t)t * HALF;
      _tile_loadd(4, head.shares + t, STRIDE * sizeof(uint16_t));
      _tile_loadd(6, values, stride);
      _tile_loadd(7, values + HALF, stride);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
    }
    _tile_stored(0, sums[0], sizeof sums[0]);
    _tile_stored(1, sums[0] + 16, sizeof sums[0]);
    for (int r = 0; r < count; r++) {
      const Floats factor = splat(inverseSums[r]);
      float* to = out + (size_t)r * head.outStride + half * HALF;
      store(to, multiply(loadAligned(sums[r]), factor));
      store(to + 16, multiply(loadAligned(sums[r] + 16), factor));
    }
  }
}

/** `count` rows from `first` on, by sixteens. As in `attend`, which way they go depends on their own scores alone. */
template <int HALVES, int STRIDE>
static __attribute__((noinline)) void attendByTiles(const AttentionHead<Bfloat16>& head, int first, int count) {
  for (const int end = first + count; first < end; first += TILE_ROWS) {
    const int rows = end - first < TILE_ROWS ? end - first : TILE_ROWS;
    scoreByTiles<HALVES, STRIDE>(head, head.queries + (size_t)first * HALF);
    Floats top = zeros(), sums[TILE_ROWS];
    for (int r = 0; r < rows; r++) sums[r] = shareRow(head.scores + r * STRIDE, head.shares + r * STRIDE, head.length, top);
    if (largestOf(top) > LARGEST_BARE_SCORE) {
      for (int r = 0; r < rows; r++) attendCarefully<1, HALVES, STRIDE>(head, first + r);
      continue;
    }
    float inverseSums[TILE_ROWS];
    for (int r = 0; r < rows; r++) inverseSums[r] = 1.f / sumOf(sums[r]);
    mixByTiles<HALVES, STRIDE>(head, rows, inverseSums, head.out + (size_t)first * head.outStride);
  }
}
