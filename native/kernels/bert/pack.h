// From PyTorch's float32 tensors ([output][input]) to the weights that the kernels read.
#pragma once
#include "../models/pack-matrix.h"
#ifdef __AMX_TILE__
#include "pack-split.h"
#endif
#include "../products/strassen-product.h"

/** Weights as they are in their places of a chunk, where `completeMatrix` makes of them what is multiplied. */
static void packRows(StrassenMatrix& matrix, int first, const float* weights, const float* biases, int rows, float factor, Activations) {
  const size_t half = (size_t)matrix.inputs / 2;
  for (int row = 0; row < rows; row++) {
    const int output = first + row, start = output / STRASSEN_CHUNK * STRASSEN_CHUNK;
    const size_t width = (size_t)matrix.side(start), panel = half * width, lane = (size_t)(output - start) % width;
    const bool isLeft = output - start < (int)width;
    float* upper = matrix.chunk(start) + lane + (isLeft ? 0 : 5 * panel);  // B11 or B12, which T1 will take the place of
    const float* from = weights + (size_t)row * (size_t)matrix.inputs;
    for (size_t k = 0; k < half; k++) {
      upper[k * width] = from[k] * factor;
      upper[k * width + panel] = from[half + k] * factor;  // B21 or B22
    }
    matrix.biases[output] = biases[row] * factor;
  }
}

/** Sums of up to four weights, in float64, so that they are rounded once. */
static void completeMatrix(StrassenMatrix& matrix) {
  for (int output = 0; output < matrix.outputs; output += STRASSEN_CHUNK) {
    const size_t panel = (size_t)(matrix.inputs / 2) * (size_t)matrix.side(output);
    float* at = matrix.chunk(output);
    for (size_t i = 0; i < panel; i++, at++) {
      const double b11 = at[0], b21 = at[panel], b12 = at[5 * panel], b22 = at[6 * panel];
      at[2 * panel] = (float)(b22 - b12 + b11);
      at[3 * panel] = (float)(b22 - b12);
      at[4 * panel] = (float)(b21 - b22 + b12 - b11);
      at[5 * panel] = (float)(b12 - b11);
    }
  }
}

static void findHeavyInputs(StrassenMatrix&, const float*) {}

template <class Kind>
static void packAttentionInput(Weights<Kind>& weights, const Shape& shape, int index, Tensors& tensors) {
  const float *query = tensors.take(), *queryBias = tensors.take(), *key = tensors.take(), *keyBias = tensors.take();
  const float *value = tensors.take(), *valueBias = tensors.take();
  const int hidden = shape.hidden, headSize = hidden / shape.heads;
  const float queryFactor = 1.4426950408889634f / squareRoot((float)headSize);  // log2(e): shares are powers of two
  if (index < weights.wholeLayers) {
    auto& matrix = weights.layers[index].attentionInput;
    packRows(matrix, 0, query, queryBias, hidden, queryFactor, Activations::aroundZeroPoint);
    packRows(matrix, hidden, key, keyBias, hidden, 1.f, Activations::aroundZeroPoint);
    packRows(matrix, 2 * hidden, value, valueBias, hidden, 1.f, Activations::aroundZeroPoint);
    completeMatrix(matrix);
    return;
  }
  const size_t stride = (size_t)hidden;
  packFloats(weights.last.query, 0, query, stride, 1, queryBias, hidden, queryFactor);
  for (int h = 0; h < shape.heads; h++) {
    const size_t row = (size_t)(h * headSize);
    packFloats(weights.last.keys[h], 0, key + row * stride, 1, stride, nullptr, hidden, 1.f);  // transposed
    packFloats(weights.last.values[h], 0, value + row * stride, stride, 1, valueBias + row, headSize, 1.f);
  }
}

/** What comes behind attention's input. */
template <class Matrix>
static void packLayer(EncoderLayer<Matrix>& layer, Tensors& tensors) {
  packMatrix(layer.attentionOutput, tensors, Activations::aroundZeroPoint);
  packNorm(layer.attentionNorm, tensors);
  packMatrix(layer.intermediate, tensors, Activations::aroundZeroPoint);
  packMatrix(layer.output, tensors, Activations::shiftedGelu);
  packNorm(layer.outputNorm, tensors);
}

/** Rows of the words from `first` on. */
template <class Kind>
static void packWords(Weights<Kind>& weights, const Shape& shape, size_t first, size_t rows, Tensors& tensors) {
  const size_t hidden = (size_t)shape.hidden;
  const float* words = tensors.take();
  for (size_t i = 0; i < rows * hidden; i += 16) Kind::storeWords(weights.words + first * hidden + i, load(words + i));
}

/** What else is embedded. */
template <class Kind>
static void packEmbeddings(Weights<Kind>& weights, const Shape& shape, Tensors& tensors) {
  const size_t hidden = (size_t)shape.hidden;
  memcpy(weights.positions, tensors.take(), sizeof(float) * (size_t)shape.positions * hidden);
  memcpy(weights.types, tensors.take(), sizeof(float) * (size_t)shape.types * hidden);
  packNorm(weights.embeddingNorm, tensors);
}

template <class Kind>
static void packHead(Weights<Kind>& weights, const Shape& shape, Tensors& tensors) {
  const size_t hidden = (size_t)shape.hidden;
  packMatrix(weights.headDense, tensors, Activations::aroundZeroPoint);
  memcpy(weights.headWeights, tensors.take(), sizeof(float) * (size_t)shape.labels * hidden);
  memcpy(weights.headBiases, tensors.take(), sizeof(float) * (size_t)shape.labels);
}

/** A layer, or behind the last the head. */
template <class Kind>
static void packPart(Weights<Kind>& weights, const Shape& shape, int index, Tensors& tensors) {
  if (index == shape.layers) return packHead(weights, shape, tensors);
  packAttentionInput(weights, shape, index, tensors);
  if (index < weights.wholeLayers) {
    packLayer(weights.layers[index], tensors);
  } else {
    packLayer(weights.lastLayer, tensors);
  }
}
