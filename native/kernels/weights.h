// The weights as the kernels read them. Nothing of it changes once the model is made.
#pragma once
#include "../engine.h"
#include "arena.h"
#include "float-product.h"
#include "normalize.h"
#include "product.h"

struct EncoderLayer {
  QuantizedMatrix attentionInput, attentionOutput, intermediate, output;
  LayerNorm attentionNorm, outputNorm;
};

/** The last layer's attention is computed for first rows alone, head by head (last-attention.h). */
struct LastAttention {
  FloatMatrix query;
  FloatMatrix keys[MAX_HEADS], values[MAX_HEADS];
};

struct Weights {
  uint16_t* words;  // bfloat16: half the memory of float32, and a relative error of 2^-9 for each value where int8 has 2^-8 of the row's largest
  float *positions, *types;
  LayerNorm embeddingNorm;
  EncoderLayer layers[MAX_LAYERS];
  LastAttention last;
  FloatMatrix headDense;
  float *headWeights, *headBiases;
};

static void layOut(QuantizedMatrix& matrix, int inputs, int outputs, Arena& arena) {
  matrix.inputs = inputs;
  matrix.outputs = outputs;
  arena.take(matrix.weights, (size_t)inputs * (size_t)outputs);
  arena.take(matrix.scales, (size_t)outputs);
  arena.take(matrix.biases, (size_t)outputs);
  arena.take(matrix.starts, (size_t)outputs);
}

static void layOut(FloatMatrix& matrix, int inputs, int outputs, bool hasBiases, Arena& arena) {
  matrix.inputs = inputs;
  matrix.outputs = outputs;
  arena.take(matrix.weights, (size_t)inputs * (size_t)outputs);
  matrix.biases = nullptr;
  if (hasBiases) arena.take(matrix.biases, (size_t)outputs);
}

static void layOut(LayerNorm& norm, const Shape& shape, Arena& arena) {
  norm.size = shape.hidden;
  norm.epsilon = shape.epsilon;
  arena.take(norm.weight, (size_t)shape.hidden);
  arena.take(norm.bias, (size_t)shape.hidden);
}

static inline void layOut(Weights& weights, const Shape& shape, Arena& arena) {
  const int hidden = shape.hidden, inner = shape.inner, headSize = hidden / shape.heads;
  arena.take(weights.words, (size_t)shape.vocabulary * (size_t)hidden);
  arena.take(weights.positions, (size_t)shape.positions * (size_t)hidden);
  arena.take(weights.types, (size_t)shape.types * (size_t)hidden);
  layOut(weights.embeddingNorm, shape, arena);
  for (int i = 0; i < shape.layers; i++) {
    EncoderLayer& layer = weights.layers[i];
    if (i < shape.layers - 1) layOut(layer.attentionInput, hidden, 3 * hidden, arena);
    layOut(layer.attentionOutput, hidden, hidden, arena);
    layOut(layer.attentionNorm, shape, arena);
    layOut(layer.intermediate, hidden, inner, arena);
    layOut(layer.output, inner, hidden, arena);
    layOut(layer.outputNorm, shape, arena);
  }
  layOut(weights.last.query, hidden, hidden, true, arena);
  for (int h = 0; h < shape.heads; h++) {
    layOut(weights.last.keys[h], headSize, hidden, false, arena);
    layOut(weights.last.values[h], hidden, headSize, true, arena);
  }
  layOut(weights.headDense, hidden, hidden, true, arena);
  arena.take(weights.headWeights, (size_t)shape.labels * (size_t)hidden);
  arena.take(weights.headBiases, (size_t)shape.labels);
}
