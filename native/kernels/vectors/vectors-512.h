// The vectors of vectors.h with AVX-512.
#pragma once

using Floats = __m512;
using Integers = __m512i;
/** One bit for each lane. */
using LaneBits = __mmask16;

static ALWAYS_INLINE Floats splat(float value) { return _mm512_set1_ps(value); }
static ALWAYS_INLINE Floats zeros() { return _mm512_setzero_ps(); }
static ALWAYS_INLINE Floats load(const float* from) { return _mm512_loadu_ps(from); }
static ALWAYS_INLINE Floats loadAligned(const float* from) { return _mm512_load_ps(from); }
/** Lanes that are left out are not read, and zero. */
static ALWAYS_INLINE Floats load(const float* from, LaneBits lanes) { return _mm512_maskz_loadu_ps(lanes, from); }
static ALWAYS_INLINE void store(float* to, Floats values) { _mm512_storeu_ps(to, values); }
static ALWAYS_INLINE Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
static ALWAYS_INLINE Floats subtract(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
static ALWAYS_INLINE Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
static ALWAYS_INLINE Floats divide(Floats a, Floats b) { return _mm512_div_ps(a, b); }
static ALWAYS_INLINE Floats multiplyAdd(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
/** `b` where one is no number. */
static ALWAYS_INLINE Floats maximum(Floats a, Floats b) { return _mm512_max_ps(a, b); }
static ALWAYS_INLINE Floats minimum(Floats a, Floats b) { return _mm512_min_ps(a, b); }
static ALWAYS_INLINE Floats magnitudeOf(Floats x) { return _mm512_abs_ps(x); }
/** Takes signs from `x`; `magnitude` has none. */
static ALWAYS_INLINE Floats withSignOf(Floats magnitude, Floats x) {
  return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(magnitude), _mm512_castps_si512(x), _mm512_set1_epi32(INT32_MIN), 0xd8));
}

/** The larger magnitude of each pair, positive. One operation; a NaN in `b` is passed over. */
static ALWAYS_INLINE Floats largerMagnitude(Floats a, Floats b) { return _mm512_range_ps(a, b, 0b1011); }
/** The same in some lanes, and `a` in the others. */
static ALWAYS_INLINE Floats largerMagnitude(Floats a, Floats b, LaneBits lanes) { return _mm512_mask_range_ps(a, lanes, a, b, 0b1011); }
static ALWAYS_INLINE Floats maximum(Floats a, Floats b, LaneBits lanes) { return _mm512_mask_max_ps(a, lanes, a, b); }
/** Zero in the lanes that are left out. */
static ALWAYS_INLINE Floats only(LaneBits lanes, Floats values) { return _mm512_maskz_mov_ps(lanes, values); }

static ALWAYS_INLINE float sumOf(Floats values) { return _mm512_reduce_add_ps(values); }
static ALWAYS_INLINE float firstOf(Floats values) { return _mm512_cvtss_f32(values); }
static ALWAYS_INLINE float largestOf(Floats values) { return _mm512_reduce_max_ps(values); }

static ALWAYS_INLINE Integers splat(int32_t value) { return _mm512_set1_epi32(value); }
static ALWAYS_INLINE Integers zeroIntegers() { return _mm512_setzero_si512(); }
static ALWAYS_INLINE Integers loadIntegers(const void* from) { return _mm512_loadu_si512(from); }
static ALWAYS_INLINE Integers loadAlignedIntegers(const void* from) { return _mm512_load_si512(from); }
static ALWAYS_INLINE void storeAlignedIntegers(void* to, Integers values) { _mm512_store_si512(to, values); }
static ALWAYS_INLINE Integers add(Integers a, Integers b) { return _mm512_add_epi32(a, b); }
static ALWAYS_INLINE Integers subtract(Integers a, Integers b) { return _mm512_sub_epi32(a, b); }
static ALWAYS_INLINE Integers bitwiseAnd(Integers a, Integers b) { return _mm512_and_si512(a, b); }
template <int BITS>
static ALWAYS_INLINE Integers shiftLeft(Integers values) { return _mm512_slli_epi32(values, BITS); }
/** Zeros come in from the left. */
template <int BITS>
static ALWAYS_INLINE Integers shiftRight(Integers values) { return _mm512_srli_epi32(values, BITS); }
/** The sign comes in from the left. */
template <int BITS>
static ALWAYS_INLINE Integers shiftSignedRight(Integers values) { return _mm512_srai_epi32(values, BITS); }

static ALWAYS_INLINE Floats asFloats(Integers bits) { return _mm512_castsi512_ps(bits); }
static ALWAYS_INLINE Integers asIntegers(Floats bits) { return _mm512_castps_si512(bits); }
static ALWAYS_INLINE Floats toFloats(Integers values) { return _mm512_cvtepi32_ps(values); }
/** Rounded to the nearest, ties to even. */
static ALWAYS_INLINE Integers toIntegers(Floats values) { return _mm512_cvtps_epi32(values); }

/** 0, 1, 2... */
static ALWAYS_INLINE Integers laneNumbers() { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
static ALWAYS_INLINE LaneBits areEqual(Integers a, Integers b) { return _mm512_cmpeq_epi32_mask(a, b); }
static ALWAYS_INLINE LaneBits areEqual(Floats a, Floats b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static ALWAYS_INLINE LaneBits areLess(Integers a, Integers b) { return _mm512_cmplt_epi32_mask(a, b); }
static ALWAYS_INLINE LaneBits areGreater(Floats a, Floats b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }

static ALWAYS_INLINE Floats gather(const float* from, Integers places) { return _mm512_i32gather_ps(places, from, sizeof(float)); }
static ALWAYS_INLINE Integers loadBytes(const uint8_t* from) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)from)); }
/** The low byte of each. */
static ALWAYS_INLINE void storeLowBytes(uint8_t* to, Integers values) { _mm_storeu_si128((__m128i*)to, _mm512_cvtepi32_epi8(values)); }

static ALWAYS_INLINE Floats loadBfloat16(const uint16_t* from) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)from)), 16));
}
/** The low two bytes of each. */
static ALWAYS_INLINE void storeLowHalves(uint16_t* to, Integers values) { _mm256_storeu_si256((__m256i*)to, _mm512_cvtepi32_epi16(values)); }

/** 64 whole numbers as bytes; what lies outside 0...255 is cut. */
static ALWAYS_INLINE void storeBytes(uint8_t* to, Integers a, Integers b, Integers c, Integers d) {
  const Integers low = _mm512_packs_epi32(a, b), high = _mm512_packs_epi32(c, d);
  // Packing works within each 128 bits; this undoes the interleaving.
  const Integers order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(to, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high)));
}

/** Transposes a square of sixteen by sixteen. */
static ALWAYS_INLINE void transpose(Integers (&rows)[LANES]) {
  Integers t[LANES];
  UNROLL for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  UNROLL for (int i = 0; i < 16; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  UNROLL for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xdd);
  }
  UNROLL for (int i = 0; i < 4; i++) {
    rows[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    rows[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    rows[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}
