// Tiles of AMX: eight registers of 16 rows by 64 bytes, and the multiplications of whole tiles (Intel, "Architecture Instruction Set Extensions Programming Reference", chapter 3).
// A first operand has 16 rows of the left matrix, 64 bytes of each; a second one four bytes (two numbers of bfloat16) of 16 columns in each of its rows, which is how the
// vectors' kernels have their weights too; sums are 16 rows of 16 numbers of 32 bits.
#pragma once
#include "vectors.h"

#ifdef __AMX_TILE__

constexpr int TILE_ROWS = 16;

/** While one is alive tiles can be used: all eight are whole. Afterwards the processor need not keep them when it turns to another thread. */
class TileScope {
 public:
  explicit TileScope(bool isNeeded) : isNeeded(isNeeded) {
    if (!isNeeded) return;
    alignas(64) uint8_t configuration[64] = {1};  // the only palette there is
    for (int tile = 0; tile < 8; tile++) {
      configuration[16 + 2 * tile] = 64;  // bytes of a row
      configuration[48 + tile] = TILE_ROWS;
    }
    _tile_loadconfig(configuration);
  }
  ~TileScope() {
    if (isNeeded) _tile_release();
  }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;

 private:
  const bool isNeeded;
};

/**
 * Where no vectors of floats have been computed with for some two thousand cycles the next store of a tile waits for about a thousand more (measured on Sapphire Rapids; one
 * addition in four hundred cycles is enough, integers and permutations are not).
 */
static ALWAYS_INLINE void keepVectorsAwake() {
  Floats nothing = zeros();
  __asm__ volatile("vaddps %0, %0, %0" : "+v"(nothing));
}

/** To be called before tiles are loaded from what vectors stored: the loads of g++ do not say that they read memory (its amxtileintrin.h), so a store might be moved behind them. */
static ALWAYS_INLINE void settleStores() { __asm__ volatile("" ::: "memory"); }

#else

/** Where kernels have no tiles nothing needs them. */
class TileScope {
 public:
  explicit TileScope(bool) {}
};

#endif
