// Which columns of each norm are outliers, found when a model is made. They are the same whatever is read, so a few texts of pieces drawn by lot show them: what is found
// depends on the weights alone.
#pragma once
#include <stdlib.h>

#include "../bert/weights.h"

/** Texts of the lot and their length: a text's first row has outliers of its own, and of the last layer there is none but that. */
constexpr int LOT_TEXTS = 8, LOT_LENGTH = 32;
static_assert(LOT_TEXTS * LOT_LENGTH <= MAX_RUN, "the lot must fit a run");

/** Gives a matrix the weights of the high bytes of the norm's outliers before it. */
static void giveOutliers(QuantizedMatrix& matrix, const OutlierColumns& outliers) {
  for (int output = 0; output < matrix.outputs; output++) {
    for (int i = 0; i < HIGH_INPUTS; i++) {
      const int8_t weight = *weightAt(matrix, output, outliers.columns[i]);
      *weightAt(matrix, output, i - HIGH_INPUTS) = weight;
      matrix.starts[output] -= (HIGH_ZERO_POINT << HIGH_SHIFT) * weight;  // the zero point of the high bytes
    }
  }
}

/** Chooses from the sums of every norm, in the order of the forward pass. Each kind of layer has a `giveToAttention`, and each kind of weights a `layerOf`. */
template <class AnyWeights>
static void chooseEach(AnyWeights& weights, int layers, int hidden, const float* powers) {
  const auto choose = [&](LayerNorm& norm) {
    chooseOutliers(norm.outliers, powers, hidden);
    powers += hidden;
  };
  choose(weights.embeddingNorm);
  for (int i = 0; i < layers; i++) {
    auto& layer = layerOf(weights, i, layers);
    giveToAttention(layer, (i == 0 ? weights.embeddingNorm : layerOf(weights, i - 1, layers).outputNorm).outliers);
    choose(layer.attentionNorm);
    giveOutliers(layer.intermediate, layer.attentionNorm.outliers);
    choose(layer.outputNorm);
  }
}

/** Texts of pieces drawn by lot (with the multiplier of S. Park and K. Miller, 1988), the first few of a text with type 0. `padding` is no piece of a text, -1 is none. */
template <class AnyWorkspace>
static void drawTexts(AnyWorkspace& w, int length, int vocabulary, int types, int padding) {
  uint64_t state = 1;
  for (int i = 0; i < LOT_TEXTS * length; i++) {
    state = state * 48271 % 2147483647;
    const int piece = (int)(state % (uint64_t)vocabulary), place = i % length;
    w.tokens[i] = piece == padding ? (piece + 1) % vocabulary : piece;
    w.types[i] = types > 1 && place >= length / 4 && place > 0;
  }
  for (int i = 0; i < LOT_TEXTS; i++) w.lengths[i] = length;
}

/** `read` runs the forward pass over the workspace's texts of so many tokens. False where there is no memory. */
template <class AnyWeights, class AnyShape, class AnyWorkspace, class Read>
static bool findOutliers(AnyWeights& weights, const AnyShape& shape, AnyWorkspace& w, int types, int longest, int padding, const Read& read) {
  const int length = longest < LOT_LENGTH ? longest : LOT_LENGTH, norms = 1 + 2 * shape.layers;
  float* powers = (float*)calloc((size_t)norms * (size_t)shape.hidden, sizeof(float));
  if (!powers || !reserve(w, shape, LOT_TEXTS * length)) {
    free(powers);
    return false;
  }
  drawTexts(w, length, shape.vocabulary, types, padding);
  w.rows.powers = powers;
  float outputs[LOT_TEXTS * MAX_HIDDEN];
  read(LOT_TEXTS * length, outputs);
  w.rows.powers = nullptr;
  chooseEach(weights, shape.layers, shape.hidden, powers);
  free(powers);
  return true;
}
