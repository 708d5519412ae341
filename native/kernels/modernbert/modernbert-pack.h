// From a ModernBERT's tensors ([output][input], as in PyTorch) to the weights that the kernels read.
#pragma once
#include "modernbert-weights.h"
#include "../models/pack-matrix.h"

/** Weights and biases of a linear layer. */
struct Linear {
  const float *weights, *biases;
  int inputs;

  Linear from(int row) const { return {weights + (size_t)row * (size_t)inputs, biases + row, inputs}; }
};

static Linear takeLinear(Tensors& tensors, int inputs) {
  const float* weights = tensors.take();
  return {weights, tensors.take(), inputs};
}

/** Outputs two by two sixteens, from two places of a linear layer in turn. */
template <class Matrix>
static void packInTurn(Matrix& matrix, int first, const Linear& one, const Linear& other, int each, float factor) {
  for (int row = 0; row < each; row += 16) {
    const Linear a = one.from(row), b = other.from(row);
    packRows(matrix, first + 2 * row, a.weights, a.biases, 16, factor, Activations::aroundZeroPoint);
    packRows(matrix, first + 2 * row + 16, b.weights, b.biases, 16, factor, Activations::aroundZeroPoint);
  }
}

/** Queries or keys: positions turn a column of a head's first half together with one of its second, so these stand side by side. The sum over a head's columns does not mind. */
template <class Matrix>
static void packTurned(Matrix& matrix, int first, const Linear& from, const ModernbertShape& shape, float factor) {
  const int headSize = shape.hidden / shape.heads;
  for (int at = 0; at < shape.hidden; at += headSize) packInTurn(matrix, first + at, from.from(at), from.from(at + headSize / 2), headSize / 2, factor);
}

template <class Matrix>
static void packLayer(ModernbertLayer<Matrix>& layer, const ModernbertShape& shape, bool isSplit, Tensors& tensors) {
  const int hidden = shape.hidden, inner = shape.inner;
  const float queryFactor = 1.4426950408889634f / squareRoot((float)(hidden / shape.heads));  // log2(e): shares are powers of two
  const Linear input = takeLinear(tensors, hidden), value = input.from(2 * hidden);
  Matrix &query = isSplit ? layer.query : layer.attentionInput, &keyValue = isSplit ? layer.keyValue : layer.attentionInput;
  const int key = isSplit ? 0 : hidden;
  packTurned(query, 0, input, shape, queryFactor);
  packTurned(keyValue, key, input.from(hidden), shape, 1.f);
  packRows(keyValue, key + hidden, value.weights, value.biases, hidden, 1.f, Activations::aroundZeroPoint);
  packMatrix(layer.attentionOutput, tensors, Activations::aroundZeroPoint);
  packNorm(layer.attentionNorm, tensors);
  const Linear gated = takeLinear(tensors, hidden);
  packInTurn(layer.intermediate, 0, gated, gated.from(inner), inner, 1.f);
  packMatrix(layer.output, tensors, Activations::aroundZeroPoint);
  packNorm(layer.outputNorm, tensors);
}

/** Of each place the cosines and the sines of sixteen pairs in turn. */
static void packAngles(float* to, const ModernbertShape& shape, Tensors& tensors) {
  const float *cosines = tensors.take(), *sines = tensors.take();
  const size_t pairs = (size_t)shape.positions * (size_t)(shape.hidden / shape.heads / 2);
  for (size_t i = 0; i < pairs; i += 16) {
    memcpy(to + 2 * i, cosines + i, 16 * sizeof(float));
    memcpy(to + 2 * i + 16, sines + i, 16 * sizeof(float));
  }
}

/** Rows of the words from `first` on. */
template <class Kind>
static void packWords(ModernbertWeights<Kind>& weights, const ModernbertShape& shape, size_t first, size_t rows, Tensors& tensors) {
  const size_t hidden = (size_t)shape.hidden;
  const float* words = tensors.take();
  for (size_t i = 0; i < rows * hidden; i += 16) Kind::storeWords(weights.words + first * hidden + i, load(words + i));
}

template <class Kind>
static void packHead(ModernbertWeights<Kind>& weights, const ModernbertShape& shape, Tensors& tensors) {
  packMatrix(weights.headDense, tensors, Activations::aroundZeroPoint);
  packNorm(weights.headNorm, tensors);
  memcpy(weights.headWeights, tensors.take(), sizeof(float) * (size_t)shape.labels * (size_t)shape.hidden);
  memcpy(weights.headBiases, tensors.take(), sizeof(float) * (size_t)shape.labels);
}

/** What is embedded beside words, then each layer, then the head. */
template <class Kind>
static void packPart(ModernbertWeights<Kind>& weights, const ModernbertShape& shape, int part, Tensors& tensors) {
  if (part > shape.layers) return packHead(weights, shape, tensors);
  if (part > 0) return packLayer(weights.layers[part - 1], shape, isForFirstRows(shape, part - 1), tensors);
  packNorm(weights.embeddingNorm, tensors);
  packAngles(weights.globalAngles, shape, tensors);
  packAngles(weights.localAngles, shape, tensors);
}
