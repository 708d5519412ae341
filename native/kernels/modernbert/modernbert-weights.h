// The weights of a ModernBERT as the kernels read them.
#pragma once
#include "../../modernbert-engine.h"
#include "../bert/weights.h"

/**
 * `attentionNorm` is behind attention, before the feed-forward layer; `outputNorm` is what the next layer begins with, or the final norm. The first layer begins with the
 * embeddings' norm.
 */
template <class Matrix>
struct ModernbertLayer : EncoderLayer<Matrix> {
  /** Of the last layer, where of queries the first row alone is needed; the others have one matrix for all three. */
  Matrix query, keyValue;
};

template <class Kind>
struct ModernbertWeights {
  /** Or where they are. */
  typename Kind::Word* words;
  WordsFile wordsFile;
  LayerNorm embeddingNorm;
  float *globalAngles, *localAngles;  // as `RotarySink` reads them
  ModernbertLayer<typename Kind::Matrix> layers[MAX_LAYERS];
  FloatMatrix headDense;
  LayerNorm headNorm;
  float *headWeights, *headBiases;
};

/** Whether of a layer's rows the first of each text alone are needed. */
static bool isForFirstRows(const ModernbertShape& shape, int layer) { return shape.pooling == Pooling::cls && layer == shape.layers - 1; }

template <class Matrix>
static void layOut(ModernbertLayer<Matrix>& layer, const ModernbertShape& shape, bool isSplit, Arena& arena) {
  const int hidden = shape.hidden, inner = shape.inner;
  if (isSplit) {
    layOutMatrix(layer.query, hidden, hidden, arena, Twice::outliers);
    layOutMatrix(layer.keyValue, hidden, 2 * hidden, arena, Twice::outliers);
  } else {
    layOutMatrix(layer.attentionInput, hidden, 3 * hidden, arena, Twice::outliers);
  }
  layOutMatrix(layer.attentionOutput, hidden, hidden, arena);
  layOut(layer.attentionNorm, shape, arena);
  layOutMatrix(layer.intermediate, hidden, 2 * inner, arena, Twice::outliers);
  layOutMatrix(layer.output, inner, hidden, arena, Twice::heavy);
  layOut(layer.outputNorm, shape, arena);
}

template <class Kind>
static void layOut(ModernbertWeights<Kind>& weights, const ModernbertShape& shape, Arena& arena) {
  const size_t hidden = (size_t)shape.hidden, angles = (size_t)shape.positions * (hidden / (size_t)shape.heads);
  if (!shape.hasWordsFile) arena.take(weights.words, (size_t)shape.vocabulary * hidden);
  layOut(weights.embeddingNorm, shape, arena);
  arena.take(weights.globalAngles, angles);
  arena.take(weights.localAngles, angles);
  for (int i = 0; i < shape.layers; i++) layOut(weights.layers[i], shape, isForFirstRows(shape, i), arena);
  if (!shape.hasHead) return;
  layOutMatrix(weights.headDense, shape.hidden, shape.hidden, arena);
  layOut(weights.headNorm, shape, arena);
  weights.headNorm.epsilon = shape.headEpsilon;
  arena.take(weights.headWeights, (size_t)shape.labels * hidden);
  arena.take(weights.headBiases, (size_t)shape.labels);
}
