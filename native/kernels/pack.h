// From PyTorch's float32 tensors ([output][input]) to the weights that the kernels read.
#pragma once
#include <string.h>

#include "weights.h"

/** How the rows that a matrix will multiply are quantised: bytes around 128, or bytes from -GELU_SHIFT up. */
enum class Activations { aroundZeroPoint, shiftedGelu };

struct Tensors {
  const float* const* next;

  const float* take() { return *next++; }
};

/** Rows `first`... of a matrix: signed bytes with one scale for each output, round(w / scale) with the largest at 127. `factor` is multiplied in. */
static void packRows(QuantizedMatrix& matrix, int first, const float* weights, const float* biases, int rows, float factor, Activations activations) {
  const int inputs = matrix.inputs;
  for (int row = 0; row < rows; row++) {
    const float* w = weights + (size_t)row * (size_t)inputs;
    float magnitude = 1e-30f;
    for (int k = 0; k < inputs; k++) magnitude = larger(__builtin_fabsf(w[k]), magnitude);
    const float scale = magnitude / 127.f;
    const int output = first + row, lane = output % PANEL;
    int8_t* panel = matrix.weights + (size_t)(output - lane) * (size_t)inputs + lane * 4;
    int32_t sum = 0;
    for (int k = 0; k < inputs; k++) {
      const int32_t quantized = _mm_cvtss_si32(_mm_set_ss(w[k] / scale));
      sum += quantized;
      panel[(size_t)(k / 4) * 4 * PANEL + (size_t)(k % 4)] = (int8_t)quantized;
    }
    const bool shifted = activations == Activations::shiftedGelu;
    matrix.scales[output] = scale * factor;
    matrix.starts[output] = shifted ? 0 : -128 * sum;
    matrix.biases[output] = biases[row] * factor - (shifted ? GELU_SHIFT * (float)sum * scale * factor : 0.f);
  }
}

/** Element (output, input) is at `weights[output * outputStride + input * inputStride]`. */
static void packFloats(FloatMatrix& matrix, const float* weights, size_t outputStride, size_t inputStride, const float* biases, float factor) {
  for (int output = 0; output < matrix.outputs; output++) {
    float* panel = matrix.weights + (size_t)(output / 32 * 32) * (size_t)matrix.inputs + output % 32;
    for (int k = 0; k < matrix.inputs; k++) panel[(size_t)k * 32] = weights[(size_t)output * outputStride + (size_t)k * inputStride] * factor;
    if (matrix.biases) matrix.biases[output] = biases[output] * factor;
  }
}

static void packNorm(LayerNorm& norm, Tensors& tensors) {
  memcpy(norm.weight, tensors.take(), sizeof(float) * (size_t)norm.size);
  memcpy(norm.bias, tensors.take(), sizeof(float) * (size_t)norm.size);
}

static void packMatrix(QuantizedMatrix& matrix, Tensors& tensors, Activations activations) {
  const float *weights = tensors.take(), *biases = tensors.take();
  packRows(matrix, 0, weights, biases, matrix.outputs, 1.f, activations);
}

static void packAttentionInput(Weights& weights, const Shape& shape, int index, Tensors& tensors) {
  const float *query = tensors.take(), *queryBias = tensors.take(), *key = tensors.take(), *keyBias = tensors.take();
  const float *value = tensors.take(), *valueBias = tensors.take();
  const int hidden = shape.hidden, headSize = hidden / shape.heads;
  const float queryFactor = 1.4426950408889634f / squareRoot((float)headSize);  // log2(e): shares are powers of two
  if (index < shape.layers - 1) {
    QuantizedMatrix& matrix = weights.layers[index].attentionInput;
    packRows(matrix, 0, query, queryBias, hidden, queryFactor, Activations::aroundZeroPoint);
    packRows(matrix, hidden, key, keyBias, hidden, 1.f, Activations::aroundZeroPoint);
    packRows(matrix, 2 * hidden, value, valueBias, hidden, 1.f, Activations::aroundZeroPoint);
    return;
  }
  const size_t stride = (size_t)hidden;
  packFloats(weights.last.query, query, stride, 1, queryBias, queryFactor);
  for (int h = 0; h < shape.heads; h++) {
    const size_t row = (size_t)(h * headSize);
    packFloats(weights.last.keys[h], key + row * stride, 1, stride, nullptr, 1.f);  // transposed
    packFloats(weights.last.values[h], value + row * stride, stride, 1, valueBias + row, 1.f);
  }
}

static void packWords(uint16_t* words, const float* from, size_t count) {
  for (size_t i = 0; i < count; i += 16) _mm256_storeu_si256((__m256i*)(words + i), (__m256i)_mm512_cvtneps_pbh(load(from + i)));
}

static inline void packWeights(Weights& weights, const Shape& shape, const float* const* from) {
  Tensors tensors{from};
  const size_t hidden = (size_t)shape.hidden;
  packWords(weights.words, tensors.take(), (size_t)shape.vocabulary * hidden);
  memcpy(weights.positions, tensors.take(), sizeof(float) * (size_t)shape.positions * hidden);
  memcpy(weights.types, tensors.take(), sizeof(float) * (size_t)shape.types * hidden);
  packNorm(weights.embeddingNorm, tensors);
  for (int i = 0; i < shape.layers; i++) {
    EncoderLayer& layer = weights.layers[i];
    packAttentionInput(weights, shape, i, tensors);
    packMatrix(layer.attentionOutput, tensors, Activations::aroundZeroPoint);
    packNorm(layer.attentionNorm, tensors);
    packMatrix(layer.intermediate, tensors, Activations::aroundZeroPoint);
    packMatrix(layer.output, tensors, Activations::shiftedGelu);
    packNorm(layer.outputNorm, tensors);
  }
  const float *dense = tensors.take(), *denseBias = tensors.take();
  packFloats(weights.headDense, dense, hidden, 1, denseBias, 1.f);
  memcpy(weights.headWeights, tensors.take(), sizeof(float) * (size_t)shape.labels * hidden);
  memcpy(weights.headBiases, tensors.take(), sizeof(float) * (size_t)shape.labels);
}
