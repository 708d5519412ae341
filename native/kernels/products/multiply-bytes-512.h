// Products of bytes with AVX-512 VNNI.
#pragma once
#include "../vectors/vectors.h"
#include "byte-steps-vnni.h"

/** Most rows of a block: 24 sums of 16 lanes, two vectors of weights and one of activations fill the 32 registers. */
constexpr int BLOCK_ROWS = 12;
/** Rows that go by a panel of weights before the next (quantized-product.h). */
constexpr int ROWS_TOGETHER = BLOCK_ROWS;
/** How far ahead of the product weights are fetched, in bytes. */
constexpr size_t PREFETCH_DISTANCE = 1024;

/** Weights are [four inputs][32 outputs][4]. */
template <int ROWS, size_t STRIDE>
static ALWAYS_INLINE void addProducts(const uint8_t* rows, const int8_t* weights, int inputs, Integers (&sums)[ROWS][2]) {
  _Pragma("GCC unroll 4") for (int k = 0; k < inputs / 4; k++) {
    const int8_t* at = weights + (size_t)k * 128;
    const Integers weights0 = _mm512_load_si512(at), weights1 = _mm512_load_si512(at + 64);
    _mm_prefetch((const char*)at + PREFETCH_DISTANCE, _MM_HINT_T0);
    _mm_prefetch((const char*)at + PREFETCH_DISTANCE + 64, _MM_HINT_T0);
    UNROLL for (int r = 0; r < ROWS; r++) {
      const Integers activations = splatFourBytes(rows + r * STRIDE + k * 4);
      sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], activations, weights0);
      sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], activations, weights1);
    }
  }
}
