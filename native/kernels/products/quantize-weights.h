// Weights of an output as signed bytes with one scale.
#pragma once
#include "quantized-product.h"

/** One output's integers in the order of its inputs. */
struct QuantizedOutput {
  float scale;
  /** Of all its integers. */
  int32_t sum;
  alignas(64) int8_t bytes[MAX_INNER];
  /** High bytes, of those inputs that are there twice for their weights' sake. */
  int8_t high[HIGH_INPUTS];
};

/** round(w / scale) */
static void roundWeights(QuantizedOutput& output, const QuantizedMatrix& matrix, const float* weights, float scale) {
  Integers sums = zeroIntegers();
  const Floats divisor = splat(scale);
  for (int k = 0; k < matrix.inputs; k += LANES) {
    const Integers quantized = toIntegers(divide(load(weights + k), divisor));
    sums = add(sums, quantized);
    storeLowBytes((uint8_t*)output.bytes + k, quantized);
  }
  output.scale = scale;
  output.sum = 0;
  alignas(64) int32_t lanes[LANES];
  storeAlignedIntegers(lanes, sums);
  for (const int32_t lane : lanes) output.sum += lane;
  for (int i = 0; matrix.heavy && i < HIGH_INPUTS; i++) {
    const int input = matrix.heavy[i];
    const int32_t quantized = _mm_cvtss_si32(_mm_set_ss(weights[input] / scale)), high = (quantized + (1 << (HIGH_SHIFT - 1))) >> HIGH_SHIFT;
    output.bytes[input] = (int8_t)(quantized - high * (1 << HIGH_SHIFT));
    output.high[i] = (int8_t)high;
  }
}

/** Puts an output's bytes where products read them. */
static void placeOutput(const QuantizedMatrix& matrix, int place, const QuantizedOutput& output) {
  int8_t* panel = weightAt(matrix, place, 0);
  for (int k = 0; k < matrix.inputs; k += 4) memcpy(panel + (size_t)k * PANEL, output.bytes + k, 4);
  for (int i = 0; matrix.heavy && i < HIGH_INPUTS; i++) *weightAt(matrix, place, i - HIGH_INPUTS) = output.high[i];
}

/** With the least scale from `least` on with which the sums of products are exact. `output` is room for it. */
static void quantizeWeights(const QuantizedMatrix& matrix, int place, const float* weights, float least, QuantizedOutput& output) {
  float scale = least;
  for (roundWeights(output, matrix, weights, scale); !isExact(output.bytes, matrix.inputs); roundWeights(output, matrix, weights, scale)) scale *= 1.01f;
  placeOutput(matrix, place, output);
}
