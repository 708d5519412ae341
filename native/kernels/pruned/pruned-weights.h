// The weights of the package's own cross-encoder, from the integers of its file to what the kernels read. No value is quantised
// anew, unless products would not be exact (multiply-bytes-256.h).
#pragma once
#include <string.h>

#include "../../pruned-engine.h"
#include "../vectors/activations.h"
#include "../models/find-outliers.h"
#include "../vectors/gelu.h"
#include "../products/quantize-weights.h"
#include "../bert/weights.h"

struct PrunedLayer : EncoderLayer<QuantizedMatrix> {
  /** Of the first layer, whose keys and values are made for more rows than its queries; the others have one matrix for all three. */
  QuantizedMatrix query, keyValue;
};

static void giveToAttention(PrunedLayer& layer, const OutlierColumns& outliers) {
  giveOutliers(layer.query, outliers);
  giveOutliers(layer.keyValue, outliers);
  giveOutliers(layer.attentionInput, outliers);
}

struct PrunedWeights {
  uint8_t* words;  // [piece][hidden / 2]: the first half of a row in the low four bits, the second in the high ones, both 8 more than they mean
  float *wordScales, *importance, *inverseFrequency, *positions;
  LayerNorm embeddingNorm;
  PrunedLayer layers[MAX_LAYERS];
  QuantizedMatrix project;
  FloatMatrix sentence, pooler;
  float* classifier;
};

static void layOut(PrunedWeights& weights, const PrunedShape& shape, Arena& arena) {
  const int hidden = shape.hidden, inner = shape.inner;
  const size_t vocabulary = (size_t)shape.vocabulary;
  arena.take(weights.words, vocabulary * (size_t)hidden / 2);
  arena.take(weights.wordScales, vocabulary);
  arena.take(weights.importance, vocabulary);
  arena.take(weights.inverseFrequency, vocabulary);
  arena.take(weights.positions, (size_t)shape.positions * (size_t)hidden);
  layOut(weights.embeddingNorm, shape, arena);
  for (int i = 0; i < shape.layers; i++) {
    PrunedLayer& layer = weights.layers[i];
    if (i == 0) {
      layOutMatrix(layer.query, hidden, hidden, arena, Twice::outliers);
      layOutMatrix(layer.keyValue, hidden, 2 * hidden, arena, Twice::outliers);
    } else {
      layOutMatrix(layer.attentionInput, hidden, 3 * hidden, arena, Twice::outliers);
    }
    layOutMatrix(layer.attentionOutput, hidden, hidden, arena);
    layOut(layer.attentionNorm, shape, arena);
    layOutMatrix(layer.intermediate, hidden, inner, arena, Twice::outliers);
    layOutMatrix(layer.output, inner, hidden, arena);
    layOut(layer.outputNorm, shape, arena);
  }
  layOutMatrix(weights.project, hidden, hidden, arena, Twice::outliers);
  layOutMatrix(weights.sentence, hidden, hidden, arena);
  layOutMatrix(weights.pooler, hidden, hidden, arena);
  arena.take(weights.classifier, (size_t)hidden);
}

/** Whether the head alone reads the rows that a layer gives, as floats. Of the first layer the projection does too, as bytes. */
static bool isForHeadAlone(const PrunedShape& shape, int layer) { return layer > 0 && layer == shape.layers - 1; }

static PrunedLayer& layerOf(PrunedWeights& weights, int index, int) { return weights.layers[index]; }

struct PrunedTensors {
  const void* const* next;

  const float* floats() { return (const float*)*next++; }
  const int8_t* bytes() { return (const int8_t*)*next++; }
  void copy(float* to, size_t count) { memcpy(to, floats(), count * sizeof(float)); }
};

/** A linear part as the outputs from `first` on. The file has [input][output]. `factor` is multiplied in. */
static void packColumns(QuantizedMatrix& matrix, int first, int outputs, PrunedTensors& tensors, float factor, Activations activations) {
  const int8_t* weights = tensors.bytes();
  const float *scales = tensors.floats(), *biases = tensors.floats();
  const bool isShifted = activations == Activations::shiftedGelu;
  float own[MAX_INNER];
  QuantizedOutput quantized;
  for (int column = 0; column < outputs; column++) {
    const int output = first + column;
    for (int input = 0; input < matrix.inputs; input++) own[input] = (float)weights[(size_t)input * (size_t)outputs + (size_t)column];
    // 1 where the integers can stay as they are.
    quantizeWeights(matrix, output, own, larger(leastScale(own, matrix.inputs), 1.f), quantized);
    const float whole = scales[column] * quantized.scale, sum = (float)quantized.sum;
    matrix.scales[output] = whole * factor;
    matrix.starts[output] = isShifted ? 0 : -ZERO_POINT * quantized.sum;
    matrix.biases[output] = biases[column] * factor - (isShifted ? GELU_SHIFT * sum * whole * factor : 0.f);
  }
}

static void packMatrix(QuantizedMatrix& matrix, PrunedTensors& tensors, Activations activations) {
  packColumns(matrix, 0, matrix.outputs, tensors, 1.f, activations);
}

/** A linear part in float32, for the few rows of the head. */
static void packRestored(FloatMatrix& matrix, PrunedTensors& tensors) {
  const int8_t* weights = tensors.bytes();
  const float *scales = tensors.floats(), *biases = tensors.floats();
  for (int output = 0; output < matrix.outputs; output++) {
    const int lane = output % FLOAT_PANEL, left = matrix.outputs - (output - lane);
    const size_t width = (size_t)(left < FLOAT_PANEL ? left : FLOAT_PANEL);
    float* panel = matrix.weights + (size_t)(output - lane) * (size_t)matrix.inputs + lane;
    for (size_t k = 0; k < (size_t)matrix.inputs; k++) panel[k * width] = (float)weights[k * (size_t)matrix.outputs + (size_t)output] * scales[output];
    matrix.biases[output] = biases[output];
  }
}

static void packNorm(LayerNorm& norm, PrunedTensors& tensors) {
  tensors.copy(norm.weight, (size_t)norm.size);
  tensors.copy(norm.bias, (size_t)norm.size);
}

static void packEmbeddings(PrunedWeights& weights, const PrunedShape& shape, PrunedTensors& tensors) {
  const size_t hidden = (size_t)shape.hidden, vocabulary = (size_t)shape.vocabulary;
  memcpy(weights.words, tensors.bytes(), vocabulary * hidden / 2);
  tensors.copy(weights.wordScales, vocabulary);
  tensors.copy(weights.importance, vocabulary);
  tensors.copy(weights.inverseFrequency, vocabulary);
  const int8_t* positions = tensors.bytes();
  const float* scales = tensors.floats();
  for (size_t i = 0; i < (size_t)shape.positions * hidden; i++) weights.positions[i] = (float)positions[i] * scales[i / hidden];
  packNorm(weights.embeddingNorm, tensors);
}

static void packLayer(PrunedLayer& layer, const PrunedShape& shape, bool isFirst, PrunedTensors& tensors) {
  const int hidden = shape.hidden;
  const float queryFactor = 1.4426950408889634f / squareRoot((float)(hidden / shape.heads));  // log2(e): shares are powers of two
  QuantizedMatrix &query = isFirst ? layer.query : layer.attentionInput, &keyValue = isFirst ? layer.keyValue : layer.attentionInput;
  const int key = isFirst ? 0 : hidden;
  packColumns(query, 0, hidden, tensors, queryFactor, Activations::aroundZeroPoint);
  packColumns(keyValue, key, hidden, tensors, 1.f, Activations::aroundZeroPoint);
  packColumns(keyValue, key + hidden, hidden, tensors, 1.f, Activations::aroundZeroPoint);
  packMatrix(layer.attentionOutput, tensors, Activations::aroundZeroPoint);
  packNorm(layer.attentionNorm, tensors);
  packMatrix(layer.intermediate, tensors, Activations::aroundZeroPoint);
  packMatrix(layer.output, tensors, Activations::shiftedGelu);
  packNorm(layer.outputNorm, tensors);
}

static void packWeights(PrunedWeights& weights, const PrunedShape& shape, const void* const* from) {
  PrunedTensors tensors{from};
  packEmbeddings(weights, shape, tensors);
  for (int i = 0; i < shape.layers; i++) packLayer(weights.layers[i], shape, i == 0, tensors);
  packMatrix(weights.project, tensors, Activations::aroundZeroPoint);
  packRestored(weights.sentence, tensors);
  packRestored(weights.pooler, tensors);
  tensors.copy(weights.classifier, (size_t)shape.hidden);
}
