// From PyTorch's float32 tensors ([output][input]) to matrices of both arithmetics, and norms.
#pragma once
#include <string.h>

#include "../vectors/activations.h"
#include "../vectors/gelu.h"
#include "../products/heavy-inputs.h"
#include "../products/quantize-weights.h"
#include "../bert/weights.h"

struct Tensors {
  const float* const* next;

  const float* take() { return *next++; }
};

/**
 * Rows `first`... of a matrix: signed bytes with one scale for each output, round(w / scale) with the largest at MOST_WEIGHT, or at MOST_WITH_HIGH where
 * the input is there twice, or all smaller where products would not be exact.
 * `factor` is multiplied in.
 */
static void packRows(QuantizedMatrix& matrix, int first, const float* weights, const float* biases, int rows, float factor, Activations activations) {
  const int inputs = matrix.inputs, heavyInputs = matrix.heavy ? HIGH_INPUTS : 0;
  const bool shifted = activations == Activations::shiftedGelu;
  float light[MAX_INNER];  // an output's weights without those that have two bytes
  QuantizedOutput quantized;
  for (int row = 0; row < rows; row++) {
    const float* w = weights + (size_t)row * (size_t)inputs;
    memcpy(light, w, sizeof(float) * (size_t)inputs);
    for (int i = 0; i < heavyInputs; i++) light[matrix.heavy[i]] = 0;
    Floats top = splat(1e-30f);
    for (int k = 0; k < inputs; k += LANES) top = largerMagnitude(top, load(light + k));
    float magnitude = largestOf(top);
    for (int i = 0; i < heavyInputs; i++) magnitude = larger(__builtin_fabsf(w[matrix.heavy[i]]) * ((float)MOST_WEIGHT / MOST_WITH_HIGH), magnitude);
    const int output = first + row;
    quantizeWeights(matrix, output, w, larger(leastScale(light, inputs), magnitude / MOST_WEIGHT), quantized);
    const float scale = quantized.scale;
    const int32_t sum = quantized.sum;
    matrix.scales[output] = scale * factor;
    matrix.starts[output] = shifted ? 0 : -ZERO_POINT * sum;
    matrix.biases[output] = biases[row] * factor - (shifted ? GELU_SHIFT * (float)sum * scale * factor : 0.f);
  }
}

/** Element (row, input) is at `weights[row * rowStride + input * inputStride]`. */
static void packFloats(FloatMatrix& matrix, int first, const float* weights, size_t rowStride, size_t inputStride, const float* biases, int rows, float factor) {
  const size_t inputs = (size_t)matrix.inputs;
  for (int row = 0; row < rows; row++) {
    const int output = first + row, lane = output % FLOAT_PANEL, left = matrix.outputs - (output - lane);
    const size_t width = (size_t)(left < FLOAT_PANEL ? left : FLOAT_PANEL);
    float* panel = matrix.weights + (size_t)(output - lane) * inputs + lane;
    for (size_t k = 0; k < inputs; k++) panel[k * width] = weights[(size_t)row * rowStride + k * inputStride] * factor;
    if (matrix.biases) matrix.biases[output] = biases[row] * factor;
  }
}

/** The same in float32, which needs no word of the rows that come. */
static void packRows(FloatMatrix& matrix, int first, const float* weights, const float* biases, int rows, float factor, Activations) {
  packFloats(matrix, first, weights, (size_t)matrix.inputs, 1, biases, rows, factor);
}

static void completeMatrix(QuantizedMatrix&) {}
static void completeMatrix(FloatMatrix&) {}

static void packNorm(LayerNorm& norm, Tensors& tensors) {
  memcpy(norm.weight, tensors.take(), sizeof(float) * (size_t)norm.size);
  memcpy(norm.bias, tensors.take(), sizeof(float) * (size_t)norm.size);
}

static void findHeavyInputs(QuantizedMatrix& matrix, const float* weights) {
  if (matrix.heavy) findHeavyInputs(matrix.heavy, weights, matrix.inputs, matrix.outputs);
}
static void findHeavyInputs(FloatMatrix&, const float*) {}

template <class Matrix>
static void packMatrix(Matrix& matrix, Tensors& tensors, Activations activations) {
  const float *weights = tensors.take(), *biases = tensors.take();
  findHeavyInputs(matrix, weights);
  packRows(matrix, 0, weights, biases, matrix.outputs, 1.f, activations);
  completeMatrix(matrix);
}
