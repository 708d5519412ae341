// Which columns are outliers, found when a model is made.
#pragma once
#include <stdlib.h>

#include "pruned-forward.h"

/** Chooses from the sums of squares of every norm, in the order of the forward pass, and gives the matrices behind it their copies. */
static void chooseEach(PrunedWeights& weights, const PrunedShape& shape, const float* squares) {
  const float* next = squares;
  const auto choose = [&](OutlierColumns& outliers) {
    chooseOutliers(outliers, next, shape.hidden);
    next += shape.hidden;
  };
  choose(weights.embeddingOutliers);
  const OutlierColumns* before = &weights.embeddingOutliers;
  for (int i = 0; i < shape.layers; i++) {
    PrunedLayer& layer = weights.layers[i];
    choose(layer.attentionOutliers);
    choose(layer.outputOutliers);
    if (i == 0) {
      copyOutlierWeights(layer.query, *before);
      copyOutlierWeights(layer.keyValue, *before);
    } else {
      copyOutlierWeights(layer.attentionInput, *before);
    }
    copyOutlierWeights(layer.intermediate, layer.attentionOutliers);
    before = &layer.outputOutliers;
  }
  copyOutlierWeights(weights.project, weights.layers[0].outputOutliers);
}

/**
 * Finds the outliers of every norm, which are the same whatever is read, by reading a text of pieces drawn by lot (with the multiplier of S. Park and K. Miller, 1988).
 * So it depends on the weights alone.
 */
static bool findOutliers(PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w) {
  const int tokens = shape.positions < 256 ? shape.positions : 256, norms = 1 + 2 * shape.layers;
  float* squares = (float*)calloc((size_t)norms * (size_t)shape.hidden, sizeof(float));
  if (!squares || !reserve(w, shape, tokens)) {
    free(squares);
    return false;
  }
  uint64_t state = 1;
  for (int i = 0; i < tokens; i++) {
    state = state * 48271 % 2147483647;
    w.tokens[i] = (int32_t)(state % (uint64_t)shape.vocabulary);
    w.types[i] = i >= tokens / 8 && i > 0;
  }
  w.lengths[0] = tokens;
  w.squares = squares;
  float logit;
  scorePairs(weights, shape, w, 1, tokens, &logit);
  w.squares = nullptr;
  chooseEach(weights, shape, squares);
  free(squares);
  return true;
}
