// What the kernels offer the addon for the package's own cross-encoder (training/cross_encoder.py): a BERT whose first layer drops most of a document's tokens, with a
// head of late-interaction matches, likeness and BM25. Its weights come as they are shipped, quantised. As in engine.h, nothing here has vector types.
#pragma once
#include "engine.h"

struct PrunedShape {
  int hidden, inner, heads, layers;
  int vocabulary, positions;
  float epsilon;
  /** Of a document of n tokens go on: `keepPercent` of n - `keepUncounted`, rounded up, or the smaller of n and `keepAtLeast` where that is more. */
  int keepPercent, keepUncounted, keepAtLeast;
  /** logit = bias + matched * matches + alike * likeness + first * (classifier + classifierBias) + BM25 */
  float bias, matched, alike, first, classifierBias;
  /** BM25: the sum over query tokens of inverse frequency * (rise * count / (count + slope * length + room) + mass). */
  float lexicalRise, lexicalSlope, lexicalRoom, lexicalMass;
};

/** Texts are no longer than this, which is what the attention's short rows hold. */
constexpr int MAX_PRUNED_POSITIONS = 512;
constexpr int PRUNED_EMBEDDING_TENSORS = 8, PRUNED_LAYER_TENSORS = 22, PRUNED_HEAD_TENSORS = 10;
constexpr size_t MAX_PRUNED_TENSORS = PRUNED_EMBEDDING_TENSORS + (size_t)MAX_LAYERS * PRUNED_LAYER_TENSORS + PRUNED_HEAD_TENSORS;

enum class TensorType { nibbles, signedBytes, floats };

struct TensorForm {
  TensorType type;
  size_t length;
};

static inline size_t tensorCount(const PrunedShape& shape) {
  return PRUNED_EMBEDDING_TENSORS + (size_t)shape.layers * PRUNED_LAYER_TENSORS + PRUNED_HEAD_TENSORS;
}

/** What a tensor must be, in the order of README.md. */
static inline TensorForm tensorForm(const PrunedShape& shape, size_t index) {
  const size_t hidden = (size_t)shape.hidden, inner = (size_t)shape.inner, vocabulary = (size_t)shape.vocabulary;
  const TensorForm row = {TensorType::floats, hidden}, innerRow = {TensorType::floats, inner}, pieces = {TensorType::floats, vocabulary};
  const TensorForm square = {TensorType::signedBytes, hidden * hidden}, oblong = {TensorType::signedBytes, hidden * inner};
  if (index < PRUNED_EMBEDDING_TENSORS) {
    const TensorForm forms[PRUNED_EMBEDDING_TENSORS] = {{TensorType::nibbles, vocabulary * hidden / 2}, pieces, pieces, pieces,
                                                        {TensorType::signedBytes, (size_t)shape.positions * hidden},
                                                        {TensorType::floats, (size_t)shape.positions}, row, row};
    return forms[index];
  }
  index -= PRUNED_EMBEDDING_TENSORS;
  if (index < (size_t)shape.layers * PRUNED_LAYER_TENSORS) {
    const TensorForm forms[PRUNED_LAYER_TENSORS] = {square, row,    row,      square,   row,    row, square, row, row, square, row,
                                                    row,    row,    row,      oblong,   innerRow, innerRow, oblong, row, row, row, row};
    return forms[index % PRUNED_LAYER_TENSORS];
  }
  const TensorForm forms[PRUNED_HEAD_TENSORS] = {square, row, row, square, row, row, square, row, row, row};
  return forms[index - (size_t)shape.layers * PRUNED_LAYER_TENSORS];
}

/**
 * Packs the tensors of a checked shape. `detail` names the tensor that has a value which is not finite. A run gives one logit for each pair. A text has at most `positions`
 * tokens: at least one of type 0, which is the query, and then the document, of type 1. What is made of a query is kept, and used by pairs behind it, in this run and in the next,
 * as long as they have the same.
 */
Outcome createPrunedModel(const PrunedShape& shape, Units units, const void* const* tensors, Model** model, size_t* detail);
