// Products of bytes with AVX-VNNI.
#pragma once
#include "../vectors/vectors.h"
#include "byte-steps-vnni.h"

/** Most rows of a block: of 16 outputs they have twelve registers of sums, beside two of weights and one of activations. */
constexpr int BLOCK_ROWS = 6;
/** Rows that go by a panel of weights before the next (quantized-product.h). */
constexpr int ROWS_TOGETHER = 24;
/** How far ahead of the product weights are fetched, in bytes. */
constexpr size_t PREFETCH_DISTANCE = 1024;

/** Weights are [four inputs][32 outputs][4]. */
template <int ROWS, size_t STRIDE>
static ALWAYS_INLINE void addProducts(const uint8_t* rows, const int8_t* weights, int inputs, Integers (&sums)[ROWS][2]) {
  UNROLL for (int half = 0; half < 2; half++) {
    __m256i own[ROWS][2];
    UNROLL for (int r = 0; r < ROWS; r++) {
      own[r][0] = sums[r][half].low;
      own[r][1] = sums[r][half].high;
    }
    _Pragma("GCC unroll 2") for (int k = 0; k < inputs / 4; k++) {
      const int8_t* at = weights + (size_t)k * 128 + half * 64;
      const __m256i weights0 = _mm256_load_si256((const __m256i*)at), weights1 = _mm256_load_si256((const __m256i*)at + 1);
      _mm_prefetch((const char*)at + PREFETCH_DISTANCE, _MM_HINT_T0);
      UNROLL for (int r = 0; r < ROWS; r++) {
        const __m256i activations = splatFourBytes(rows + r * STRIDE + k * 4).low;
        own[r][0] = _mm256_dpbusd_avx_epi32(own[r][0], activations, weights0);
        own[r][1] = _mm256_dpbusd_avx_epi32(own[r][1], activations, weights1);
      }
    }
    UNROLL for (int r = 0; r < ROWS; r++) sums[r][half] = {own[r][0], own[r][1]};
  }
}
