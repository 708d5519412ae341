// gelu(x) = x Phi(x) with the normal distribution function Phi (D. Hendrycks and K. Gimpel, 2016, arXiv:1606.08415, the exact form), three ways.
#pragma once
#include "exponential.h"

/** Before a value is quantised as unsigned bytes this is added: gelu is nowhere below -0.16998 (at x = -0.7518). */
constexpr float GELU_SHIFT = 0.17f;

/** Phi as 1/2 + x P(x^2) with x cut to 4 in magnitude, a minimax fit: |x Phi(x)| is off by 2.4e-4 at most. */
static ALWAYS_INLINE Floats coarsePhi(Floats x) {
  const Floats cut = maximum(minimum(x, splat(4.f)), splat(-4.f)), square = multiply(cut, cut);
  Floats p = splat(6.740266678129103e-11f);
  p = multiplyAdd(p, square, splat(-6.0668150503317975e-09f));
  p = multiplyAdd(p, square, splat(2.440817752358271e-07f));
  p = multiplyAdd(p, square, splat(-5.860556484549306e-06f));
  p = multiplyAdd(p, square, splat(9.493984543951228e-05f));
  p = multiplyAdd(p, square, splat(-0.0011128538753837347f));
  p = multiplyAdd(p, square, splat(0.009815794415771961f));
  p = multiplyAdd(p, square, splat(-0.06632361561059952f));
  p = multiplyAdd(p, square, splat(0.3988810181617737f));
  return multiplyAdd(cut, p, splat(.5f));
}

/** gelu of one value, which sets the scale of a row. */
static ALWAYS_INLINE float coarseGelu(float value) { return value * firstOf(coarsePhi(splat(value))); }

#ifdef __AVX512F__
#include "tabulated-phi.h"
using QuantizedPhi = TabulatedPhi;
#else
/** Phi for values that are quantised next. */
struct QuantizedPhi {
  ALWAYS_INLINE Floats operator()(Floats x) const { return coarsePhi(x); }
};
#endif

/**
 * gelu to float32's rounding, for the head, whose values are not quantised: Phi(-|x|) = exp(-x^2 / 2) P(1 / (1 + 0.4 |x|)), the form of M. Abramowitz
 * and I. Stegun, "Handbook of Mathematical Functions", 26.2.17, with a polynomial of degree six fitted for it.
 */
static ALWAYS_INLINE Floats preciseGelu(Floats x) {
  const Floats magnitude = magnitudeOf(x);
  const Floats t = divide(splat(1.f), multiplyAdd(splat(.4f), magnitude, splat(1.f)));
  Floats p = splat(0.05724576488137245f);
  p = multiplyAdd(p, t, splat(-0.25765615701675415f));
  p = multiplyAdd(p, t, splat(0.34361374378204346f));
  p = multiplyAdd(p, t, splat(0.010832570493221283f));
  p = multiplyAdd(p, t, splat(0.1892392486333847f));
  p = multiplyAdd(p, t, splat(0.15675261616706848f));
  p = multiplyAdd(p, t, splat(-2.7376376237953082e-05f));
  const Floats tail = multiply(p, powerOfTwo(multiply(multiply(x, x), splat(-0.72134752f))));
  return subtract(maximum(zeros(), x), multiply(magnitude, tail));
}
