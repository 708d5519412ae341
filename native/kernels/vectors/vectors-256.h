// The vectors of vectors.h with AVX2 and FMA: two registers each.
#pragma once

struct Floats {
  __m256 low, high;
};
struct Integers {
  __m256i low, high;
};
/** One bit for each lane. */
using LaneBits = uint16_t;

static ALWAYS_INLINE Floats splat(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
static ALWAYS_INLINE Floats zeros() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
static ALWAYS_INLINE Floats load(const float* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
static ALWAYS_INLINE Floats loadAligned(const float* from) { return {_mm256_load_ps(from), _mm256_load_ps(from + 8)}; }
static ALWAYS_INLINE void store(float* to, Floats values) {
  _mm256_storeu_ps(to, values.low);
  _mm256_storeu_ps(to + 8, values.high);
}
static ALWAYS_INLINE Floats add(Floats a, Floats b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
static ALWAYS_INLINE Floats subtract(Floats a, Floats b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
static ALWAYS_INLINE Floats multiply(Floats a, Floats b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
static ALWAYS_INLINE Floats divide(Floats a, Floats b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
static ALWAYS_INLINE Floats multiplyAdd(Floats a, Floats b, Floats c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
/** `b` where one is no number. */
static ALWAYS_INLINE Floats maximum(Floats a, Floats b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
static ALWAYS_INLINE Floats minimum(Floats a, Floats b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
static ALWAYS_INLINE Floats magnitudeOf(Floats x) {
  const __m256 sign = _mm256_set1_ps(-0.f);
  return {_mm256_andnot_ps(sign, x.low), _mm256_andnot_ps(sign, x.high)};
}
/** Takes signs from `x`; `magnitude` has none. */
static ALWAYS_INLINE Floats withSignOf(Floats magnitude, Floats x) {
  const __m256 sign = _mm256_set1_ps(-0.f);
  return {_mm256_or_ps(magnitude.low, _mm256_and_ps(sign, x.low)), _mm256_or_ps(magnitude.high, _mm256_and_ps(sign, x.high))};
}

/** Everything in the lanes that have a bit. */
static ALWAYS_INLINE Floats maskOf(LaneBits lanes) {
  const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128), low = _mm256_set1_epi32(lanes), high = _mm256_set1_epi32(lanes >> 8);
  return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(low, bits), bits)), _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(high, bits), bits))};
}
/** Of `b` in the lanes that `mask` has, of `a` in the others. */
static ALWAYS_INLINE Floats choose(Floats a, Floats b, Floats mask) {
  return {_mm256_blendv_ps(a.low, b.low, mask.low), _mm256_blendv_ps(a.high, b.high, mask.high)};
}

/** The larger magnitude of each pair, positive. `a` has none but positive numbers; a NaN in `b` is passed over. */
static ALWAYS_INLINE Floats largerMagnitude(Floats a, Floats b) { return maximum(magnitudeOf(b), a); }
/** The same in some lanes, and `a` in the others. */
static ALWAYS_INLINE Floats largerMagnitude(Floats a, Floats b, LaneBits lanes) {
  const Floats mask = maskOf(lanes);
  return largerMagnitude(a, {_mm256_and_ps(b.low, mask.low), _mm256_and_ps(b.high, mask.high)});
}
static ALWAYS_INLINE Floats maximum(Floats a, Floats b, LaneBits lanes) { return choose(a, maximum(a, b), maskOf(lanes)); }
/** Zero in the lanes that are left out. */
static ALWAYS_INLINE Floats only(LaneBits lanes, Floats values) {
  const Floats mask = maskOf(lanes);
  return {_mm256_and_ps(values.low, mask.low), _mm256_and_ps(values.high, mask.high)};
}

static ALWAYS_INLINE float sumOf(Floats values) {
  const __m256 eight = _mm256_add_ps(values.low, values.high);
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}
static ALWAYS_INLINE float firstOf(Floats values) { return _mm256_cvtss_f32(values.low); }
static ALWAYS_INLINE float largestOf(Floats values) {
  const __m256 eight = _mm256_max_ps(values.low, values.high);
  __m128 top = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  top = _mm_max_ps(top, _mm_movehl_ps(top, top));
  return _mm_cvtss_f32(_mm_max_ss(top, _mm_movehdup_ps(top)));
}

static ALWAYS_INLINE Integers splat(int32_t value) { return {_mm256_set1_epi32(value), _mm256_set1_epi32(value)}; }
static ALWAYS_INLINE Integers zeroIntegers() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
static ALWAYS_INLINE Integers loadIntegers(const void* from) { return {_mm256_loadu_si256((const __m256i*)from), _mm256_loadu_si256((const __m256i*)from + 1)}; }
static ALWAYS_INLINE Integers loadAlignedIntegers(const void* from) { return {_mm256_load_si256((const __m256i*)from), _mm256_load_si256((const __m256i*)from + 1)}; }
static ALWAYS_INLINE void storeAlignedIntegers(void* to, Integers values) {
  _mm256_store_si256((__m256i*)to, values.low);
  _mm256_store_si256((__m256i*)to + 1, values.high);
}
static ALWAYS_INLINE Integers add(Integers a, Integers b) { return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)}; }
static ALWAYS_INLINE Integers subtract(Integers a, Integers b) { return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)}; }
static ALWAYS_INLINE Integers bitwiseAnd(Integers a, Integers b) { return {_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)}; }
template <int BITS>
static ALWAYS_INLINE Integers shiftLeft(Integers values) { return {_mm256_slli_epi32(values.low, BITS), _mm256_slli_epi32(values.high, BITS)}; }
/** Zeros come in from the left. */
template <int BITS>
static ALWAYS_INLINE Integers shiftRight(Integers values) { return {_mm256_srli_epi32(values.low, BITS), _mm256_srli_epi32(values.high, BITS)}; }
/** The sign comes in from the left. */
template <int BITS>
static ALWAYS_INLINE Integers shiftSignedRight(Integers values) { return {_mm256_srai_epi32(values.low, BITS), _mm256_srai_epi32(values.high, BITS)}; }

static ALWAYS_INLINE Floats asFloats(Integers bits) { return {_mm256_castsi256_ps(bits.low), _mm256_castsi256_ps(bits.high)}; }
static ALWAYS_INLINE Integers asIntegers(Floats bits) { return {_mm256_castps_si256(bits.low), _mm256_castps_si256(bits.high)}; }
static ALWAYS_INLINE Floats toFloats(Integers values) { return {_mm256_cvtepi32_ps(values.low), _mm256_cvtepi32_ps(values.high)}; }
/** Rounded to the nearest, ties to even. */
static ALWAYS_INLINE Integers toIntegers(Floats values) { return {_mm256_cvtps_epi32(values.low), _mm256_cvtps_epi32(values.high)}; }

/** 0, 1, 2... */
static ALWAYS_INLINE Integers laneNumbers() { return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)}; }
static ALWAYS_INLINE LaneBits bitsOf(__m256 low, __m256 high) { return (LaneBits)(_mm256_movemask_ps(low) | _mm256_movemask_ps(high) << 8); }
static ALWAYS_INLINE LaneBits areEqual(Integers a, Integers b) {
  return bitsOf(_mm256_castsi256_ps(_mm256_cmpeq_epi32(a.low, b.low)), _mm256_castsi256_ps(_mm256_cmpeq_epi32(a.high, b.high)));
}
static ALWAYS_INLINE LaneBits areEqual(Floats a, Floats b) { return bitsOf(_mm256_cmp_ps(a.low, b.low, _CMP_EQ_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_EQ_OQ)); }
static ALWAYS_INLINE LaneBits areLess(Integers a, Integers b) {
  return bitsOf(_mm256_castsi256_ps(_mm256_cmpgt_epi32(b.low, a.low)), _mm256_castsi256_ps(_mm256_cmpgt_epi32(b.high, a.high)));
}
static ALWAYS_INLINE LaneBits areGreater(Floats a, Floats b) { return bitsOf(_mm256_cmp_ps(a.low, b.low, _CMP_GT_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_GT_OQ)); }

static ALWAYS_INLINE Floats gather(const float* from, Integers places) {
  return {_mm256_i32gather_ps(from, places.low, sizeof(float)), _mm256_i32gather_ps(from, places.high, sizeof(float))};
}
static ALWAYS_INLINE Integers loadBytes(const uint8_t* from) {
  const __m128i bytes = _mm_loadu_si128((const __m128i*)from);
  return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
}
/** The low byte of each. */
static ALWAYS_INLINE void storeLowBytes(uint8_t* to, Integers values) {
  const __m256i first = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i low = _mm256_shuffle_epi8(values.low, first), high = _mm256_shuffle_epi8(values.high, first);
  const __m128i lower = _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
  const __m128i upper = _mm_unpacklo_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
  _mm_storeu_si128((__m128i*)to, _mm_unpacklo_epi64(lower, upper));
}

static ALWAYS_INLINE Floats loadBfloat16(const uint16_t* from) {
  const __m256i low = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)from)), high = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)from + 1));
  return asFloats(shiftLeft<16>({low, high}));
}
/** The low two bytes of each. */
static ALWAYS_INLINE void storeLowHalves(uint16_t* to, Integers values) {
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(values.low, values.high), 0b11011000);
  _mm256_storeu_si256((__m256i*)to, packed);
}

/** 64 whole numbers as bytes; what lies outside 0...255 is cut. */
static ALWAYS_INLINE void storeBytes(uint8_t* to, Integers a, Integers b, Integers c, Integers d) {
  const auto pack = [](Integers first, Integers second) __attribute__((always_inline)) {
    const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(first.low, first.high), _mm256_packs_epi32(second.low, second.high));
    // Packing works within each 128 bits; this undoes the interleaving.
    return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  };
  _mm256_storeu_si256((__m256i*)to, pack(a, b));
  _mm256_storeu_si256((__m256i*)to + 1, pack(c, d));
}

/** Transposes a square of eight by eight. */
static ALWAYS_INLINE void transposeEight(__m256i (&rows)[8]) {
  __m256i t[8];
  UNROLL for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  UNROLL for (int i = 0; i < 8; i += 4) {
    rows[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
    rows[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
    rows[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
    rows[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  UNROLL for (int i = 0; i < 4; i++) {
    t[i] = _mm256_permute2x128_si256(rows[i], rows[i + 4], 0x20);
    t[i + 4] = _mm256_permute2x128_si256(rows[i], rows[i + 4], 0x31);
  }
  UNROLL for (int i = 0; i < 8; i++) rows[i] = t[i];
}

/** Transposes a square of sixteen by sixteen. */
static ALWAYS_INLINE void transpose(Integers (&rows)[LANES]) {
  __m256i quarters[4][8];
  UNROLL for (int i = 0; i < 8; i++) {
    quarters[0][i] = rows[i].low;
    quarters[1][i] = rows[i].high;
    quarters[2][i] = rows[i + 8].low;
    quarters[3][i] = rows[i + 8].high;
  }
  UNROLL for (int q = 0; q < 4; q++) transposeEight(quarters[q]);
  UNROLL for (int i = 0; i < 8; i++) {
    rows[i] = {quarters[0][i], quarters[2][i]};
    rows[i + 8] = {quarters[1][i], quarters[3][i]};
  }
}
