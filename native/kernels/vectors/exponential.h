// Powers of two and what is made of them, without the C library: the same bits whichever library a machine has.
//
// 2^x = 2^n 2^f with n = round(x) and |f| <= 1/2. Adding 1.5 * 2^23 to x leaves n in the low bits of the sum; 2^f is a polynomial fitted for
// the smallest relative error; n is added to its exponent (the scheme of Cephes' exp2f, W. J. Cody and W. Waite, "Software Manual for the
// Elementary Functions", 1980, chapter 6).
#pragma once
#include "vectors.h"

static ALWAYS_INLINE Floats splitPower(Floats x, Floats* fraction) {
  const Floats magic = splat(12582912.f);
  const Floats shifted = add(x, magic);
  *fraction = subtract(x, subtract(shifted, magic));
  return shifted;
}

static ALWAYS_INLINE Floats scaleByPower(Floats mantissa, Floats shifted) {
  const Integers exponent = shiftLeft<23>(asIntegers(shifted));
  return asFloats(add(asIntegers(mantissa), exponent));
}

/**
 * 2^x for |x| <= 126, relative error at most 7.5e-5: a tenth of what rounding to bfloat16 adds (2^-9), for values that are rounded to it next.
 * The NaN that these processors make (low bits zero) stays a NaN.
 */
static ALWAYS_INLINE Floats coarsePowerOfTwo(Floats x) {
  Floats f;
  const Floats shifted = splitPower(x, &f);
  Floats p = multiplyAdd(splat(0.05517164f), f, splat(0.24261112f));
  p = multiplyAdd(p, f, splat(0.69326099f));
  p = multiplyAdd(p, f, splat(0.99992807f));
  return scaleByPower(p, shifted);
}

/** The same from below: whatever is under -126 is 2^-126. The operands of the maximum stand so that a NaN stays one. */
static ALWAYS_INLINE Floats coarsePowerOfTwoFromBelow(Floats x) { return coarsePowerOfTwo(maximum(splat(-126.f), x)); }

/** 2^x for |x| <= 126, relative error at most 2.5e-7. */
static ALWAYS_INLINE Floats barePowerOfTwo(Floats x) {
  Floats f;
  const Floats shifted = splitPower(x, &f);
  Floats p = multiplyAdd(splat(0.00132765f), f, splat(0.00967554f));
  p = multiplyAdd(p, f, splat(0.05550713f));
  p = multiplyAdd(p, f, splat(0.2402212f));
  p = multiplyAdd(p, f, splat(0.69314697f));
  p = multiplyAdd(p, f, splat(1.00000007f));
  return scaleByPower(p, shifted);
}

/** The same from below: whatever is under -126 is 2^-126. */
static ALWAYS_INLINE Floats powerOfTwo(Floats x) { return barePowerOfTwo(maximum(splat(-126.f), x)); }

/** tanh x = sign(x) (1 - t) / (1 + t) with t = exp(-2 |x|), absolute error below 3e-7. */
static ALWAYS_INLINE Floats hyperbolicTangent(Floats x) {
  const Floats t = powerOfTwo(multiply(magnitudeOf(x), splat(-2.885390082f)));
  const Floats magnitude = divide(subtract(splat(1.f), t), add(splat(1.f), t));
  return withSignOf(magnitude, x);
}
