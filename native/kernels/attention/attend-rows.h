// Attention by what a model is to use.
#pragma once
#include "attention.h"
#include "../vectors/tiles.h"
#ifdef __AMX_TILE__
#include "tile-attention.h"
#endif

/** `count` rows from `first` on. Tiles attend in bfloat16 alone. */
template <int HALVES, int STRIDE, class Numbers>
static void attendRows(const AttentionHead<Numbers>& head, int first, int count, bool) {
  attendByVectors<HALVES, STRIDE>(head, first, count);
}
#ifdef __AMX_TILE__
template <int HALVES, int STRIDE>
static void attendRows(const AttentionHead<Bfloat16>& head, int first, int count, bool usesTiles) {
  usesTiles ? attendByTiles<HALVES, STRIDE>(head, first, count) : attendByVectors<HALVES, STRIDE>(head, first, count);
}
#endif
