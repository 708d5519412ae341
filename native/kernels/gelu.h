// gelu(x) = x Phi(x) with the normal distribution function Phi (D. Hendrycks and K. Gimpel, 2016, arXiv:1606.08415, the exact form), three ways.
#pragma once
#include "exponential.h"

/** Before a value is quantised as unsigned bytes this is added: gelu is nowhere below -0.16998 (at x = -0.7518). */
constexpr float GELU_SHIFT = 0.17f;

/**
 * Phi as a parabola around each quarter from -3.75 to 4, fitted for each: c[0] + c[1] f + c[2] f^2, |f| <= 1/8. The coefficients are indexed by the
 * low five bits of the quarter (0 to 15 are 0 to 3.75, 16 is -4, 17 to 31 are -3.75 to -0.25), as `_mm512_permutex2var_ps` looks them up.
 */
static const float PHI_OF_QUARTERS[96] = {
    0.5f, 0.5987059473991394f, 0.6914618611335754f, 0.7733719348907471f, 0.8413441181182861f, 0.8943498134613037f, 0.9331926107406616f, 0.9599408507347107f,
    0.9772499799728394f, 0.9877757430076599f, 0.9937905073165894f, 0.9970203638076782f, 0.9986501932144165f, 0.9994230270385742f, 0.9997674226760864f, 0.9999116063117981f,
    0.0f, 8.84172841324471e-05f, 0.00023259303998202085f, 0.0005769614945165813f, 0.0013497965410351753f, 0.002979618264362216f, 0.00620948476716876f, 0.012224285863339901f,
    0.022749995812773705f, 0.04005914553999901f, 0.06680738925933838f, 0.10565019398927689f, 0.15865586698055267f, 0.22662805020809174f, 0.30853813886642456f, 0.4012940227985382f,
    0.39816462993621826f, 0.3859613835811615f, 0.35155031085014343f, 0.30088010430336f, 0.24197010695934296f, 0.18284884095191956f, 0.1298329085111618f, 0.08662421256303787f,
    0.05430697649717331f, 0.031991422176361084f, 0.01770813576877117f, 0.00921028945595026f, 0.00450126500800252f, 0.0020670760422945023f, 0.0008919461979530752f, 0.0005956009845249355f,
    0.0f, 0.0005956009845249355f, 0.0008919461979530752f, 0.0020670760422945023f, 0.00450126500800252f, 0.00921028945595026f, 0.01770813576877117f, 0.031991422176361084f,
    0.05430697649717331f, 0.08662421256303787f, 0.1298329085111618f, 0.18284884095191956f, 0.24197010695934296f, 0.30088010430336f, 0.35155031085014343f, 0.3859613835811615f,
    4.069800188044939e-15f, -0.04814908653497696f, -0.08770187199115753f, -0.11256882548332214f, -0.12067075818777084f, -0.11394213885068893f, -0.09704318642616272f, -0.07549849897623062f,
    -0.054060958325862885f, -0.035802774131298065f, -0.02200297825038433f, -0.012577902525663376f, -0.0066997334361076355f, -0.0033297145273536444f, -0.0015456299297511578f, 0.001176747726276517f,
    0.0f, -0.001176747726276517f, 0.0015456299297511578f, 0.0033297145273536444f, 0.0066997334361076355f, 0.012577902525663376f, 0.02200297825038433f, 0.035802774131298065f,
    0.054060958325862885f, 0.07549849897623062f, 0.09704318642616272f, 0.11394213885068893f, 0.12067075818777084f, 0.11256882548332214f, 0.08770187199115753f, 0.04814908653497696f,
};

/** Phi for values that are quantised next: |error| at most 5.5e-5, largest past the cut at 3.87, so that x Phi(x) is off by 2.2e-4 at most for |x| < 4. Made once for a block of rows: the table stays in six registers. */
struct TabulatedPhi {
  Floats constant[2], slope[2], bend[2];

  ALWAYS_INLINE TabulatedPhi() {
    for (int i = 0; i < 2; i++) {
      constant[i] = load(PHI_OF_QUARTERS + 16 * i);
      slope[i] = load(PHI_OF_QUARTERS + 32 + 16 * i);
      bend[i] = load(PHI_OF_QUARTERS + 64 + 16 * i);
    }
  }

  ALWAYS_INLINE Floats operator()(Floats x) const {
    const Floats magic = splat(3145728.f);  // 1.5 * 2^21: the low bits of a sum with it count quarters
    x = _mm512_max_ps(_mm512_min_ps(x, splat(3.87f)), splat(-3.87f));
    const Floats shifted = add(x, magic);
    const Floats f = subtract(x, subtract(shifted, magic));
    const Integers quarter = _mm512_castps_si512(shifted);
    const Floats c2 = _mm512_permutex2var_ps(bend[0], quarter, bend[1]);
    const Floats c1 = _mm512_permutex2var_ps(slope[0], quarter, slope[1]);
    return multiplyAdd(f, multiplyAdd(f, c2, c1), _mm512_permutex2var_ps(constant[0], quarter, constant[1]));
  }
};

/** gelu of one value, |error| at most 2.4e-4: x (1/2 + x P(x^2)) with x cut to 4 in magnitude, a minimax fit. It sets the scale of a row. */
static ALWAYS_INLINE float coarseGelu(float value) {
  const Floats x = splat(value);
  const Floats cut = _mm512_max_ps(_mm512_min_ps(x, splat(4.f)), splat(-4.f)), square = multiply(cut, cut);
  Floats p = splat(6.740266678129103e-11f);
  p = multiplyAdd(p, square, splat(-6.0668150503317975e-09f));
  p = multiplyAdd(p, square, splat(2.440817752358271e-07f));
  p = multiplyAdd(p, square, splat(-5.860556484549306e-06f));
  p = multiplyAdd(p, square, splat(9.493984543951228e-05f));
  p = multiplyAdd(p, square, splat(-0.0011128538753837347f));
  p = multiplyAdd(p, square, splat(0.009815794415771961f));
  p = multiplyAdd(p, square, splat(-0.06632361561059952f));
  p = multiplyAdd(p, square, splat(0.3988810181617737f));
  return _mm512_cvtss_f32(multiply(x, multiplyAdd(cut, p, splat(.5f))));
}

/**
 * gelu to float32's rounding, for the head, whose values are not quantised: Phi(-|x|) = exp(-x^2 / 2) P(1 / (1 + 0.4 |x|)), the form of M. Abramowitz
 * and I. Stegun, "Handbook of Mathematical Functions", 26.2.17, with a polynomial of degree six fitted for it.
 */
static ALWAYS_INLINE Floats preciseGelu(Floats x) {
  const Floats magnitude = _mm512_abs_ps(x);
  const Floats t = _mm512_div_ps(splat(1.f), multiplyAdd(splat(.4f), magnitude, splat(1.f)));
  Floats p = splat(0.05724576488137245f);
  p = multiplyAdd(p, t, splat(-0.25765615701675415f));
  p = multiplyAdd(p, t, splat(0.34361374378204346f));
  p = multiplyAdd(p, t, splat(0.010832570493221283f));
  p = multiplyAdd(p, t, splat(0.1892392486333847f));
  p = multiplyAdd(p, t, splat(0.15675261616706848f));
  p = multiplyAdd(p, t, splat(-2.7376376237953082e-05f));
  const Floats tail = multiply(p, powerOfTwo(multiply(multiply(x, x), splat(-0.72134752f))));
  return subtract(_mm512_max_ps(zeros(), x), multiply(magnitude, tail));
}
