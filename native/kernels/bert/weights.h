// The weights as the kernels read them. Nothing of it changes once the model is made.
#pragma once
#include "../../engine.h"
#include "../vectors/arena.h"
#include "../products/float-product.h"
#include "../products/normalize.h"
#include "../products/quantized-product.h"

/** The last layer has no `attentionInput`. */
template <class Matrix>
struct EncoderLayer {
  Matrix attentionInput, attentionOutput, intermediate, output;
  LayerNorm attentionNorm, outputNorm;
};

/** The last layer's attention is computed for first rows alone, head by head (last-attention.h). */
struct LastAttention {
  FloatMatrix query;
  FloatMatrix keys[MAX_HEADS], values[MAX_HEADS];
};

/** `Kind` is the arithmetic (int8-arithmetic.h, float32-arithmetic.h): how layers and words are held. */
template <class Kind>
struct Weights {
  /** Or where they are. */
  typename Kind::Word* words;
  WordsFile wordsFile;
  float *positions, *types;
  LayerNorm embeddingNorm;
  /** Those of which all rows are computed. */
  int wholeLayers;
  EncoderLayer<typename Kind::Matrix> layers[MAX_LAYERS];
  /** The one behind them, of which the first row is, where there is one. */
  EncoderLayer<typename Kind::LastMatrix> lastLayer;
  LastAttention last;
  FloatMatrix headDense;
  float *headWeights, *headBiases;
};

/** Which inputs of a matrix are there twice: none, the outliers of the norm before it, or those whose weights are heavy. */
enum class Twice { none, outliers, heavy };

static void layOutMatrix(QuantizedMatrix& matrix, int inputs, int outputs, Arena& arena, Twice twice = Twice::none) {
  matrix.inputs = inputs;
  matrix.outputs = outputs;
  matrix.highInputs = twice == Twice::none ? 0 : HIGH_INPUTS;
  arena.take(matrix.weights, (size_t)(inputs + matrix.highInputs) * (size_t)outputs);
  arena.take(matrix.scales, (size_t)outputs);
  arena.take(matrix.biases, (size_t)outputs);
  arena.take(matrix.starts, (size_t)outputs);
  if (twice == Twice::heavy) arena.take(matrix.heavy, HIGH_INPUTS);
}

/** In float32 no input is there twice. */
static void layOutMatrix(FloatMatrix& matrix, int inputs, int outputs, Arena& arena, Twice = Twice::none, bool hasBiases = true) {
  matrix.inputs = inputs;
  matrix.outputs = outputs;
  arena.take(matrix.weights, (size_t)inputs * (size_t)outputs);
  matrix.biases = nullptr;
  if (hasBiases) arena.take(matrix.biases, (size_t)outputs);
}

/** Of either kind of model. */
template <class AnyShape>
static void layOut(LayerNorm& norm, const AnyShape& shape, Arena& arena) {
  norm.size = shape.hidden;
  norm.epsilon = shape.epsilon;
  arena.take(norm.weight, (size_t)shape.hidden);
  arena.take(norm.bias, (size_t)shape.hidden);
  layOut(norm.outliers, shape.hidden, arena);
}

template <class Matrix>
static void layOut(EncoderLayer<Matrix>& layer, const Shape& shape, Arena& arena) {
  layOutMatrix(layer.attentionOutput, shape.hidden, shape.hidden, arena);
  layOut(layer.attentionNorm, shape, arena);
  layOutMatrix(layer.intermediate, shape.hidden, shape.inner, arena, Twice::outliers);
  layOutMatrix(layer.output, shape.inner, shape.hidden, arena, Twice::heavy);
  layOut(layer.outputNorm, shape, arena);
}

template <class Kind>
static void layOut(Weights<Kind>& weights, const Shape& shape, Arena& arena) {
  const int hidden = shape.hidden, headSize = hidden / shape.heads;
  if (!shape.hasWordsFile) arena.take(weights.words, (size_t)shape.vocabulary * (size_t)hidden);
  arena.take(weights.positions, (size_t)shape.positions * (size_t)hidden);
  arena.take(weights.types, (size_t)shape.types * (size_t)hidden);
  layOut(weights.embeddingNorm, shape, arena);
  weights.wholeLayers = wholeLayers(shape);
  for (int i = 0; i < weights.wholeLayers; i++) {
    layOutMatrix(weights.layers[i].attentionInput, hidden, 3 * hidden, arena, Twice::outliers);
    layOut(weights.layers[i], shape, arena);
  }
  if (weights.wholeLayers == shape.layers) return;
  layOut(weights.lastLayer, shape, arena);
  layOutMatrix(weights.last.query, hidden, hidden, arena);
  for (int h = 0; h < shape.heads; h++) {
    layOutMatrix(weights.last.keys[h], headSize, hidden, arena, Twice::none, false);
    layOutMatrix(weights.last.values[h], hidden, headSize, arena);
  }
  if (shape.output != Output::logits) return;
  layOutMatrix(weights.headDense, hidden, hidden, arena);
  arena.take(weights.headWeights, (size_t)shape.labels * (size_t)hidden);
  arena.take(weights.headBiases, (size_t)shape.labels);
}
