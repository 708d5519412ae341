// The package's own cross-encoder. Compiled as engine.cpp is.
#include "../pruned-engine.h"

#include <stdlib.h>

#include "check-input.h"
#include "find-outliers.h"
#include "pruned-forward.h"

struct PrunedModel {
  PrunedShape shape;
  PrunedWeights weights;
  Mapping mapping;
  PrunedWorkspace workspace;
};

namespace {

Outcome copyAndCheck(PrunedWorkspace& w, const PrunedShape& shape, const Run& run, size_t* detail) {
  const Outcome copied = copyRun(w, run, shape.positions, detail);
  if (copied != Outcome::done) return copied;
  for (size_t i = 0, next = 0, pair = 0; i < run.tokenCount; i++) {
    *detail = i;
    const bool isFirst = i == next;
    if (isFirst) next += (size_t)w.lengths[pair++];
    if (w.tokens[i] < 0 || w.tokens[i] >= shape.vocabulary) return Outcome::badToken;
    // A text is its query, which has a token at the least, and then its document.
    const int least = isFirst ? 0 : w.types[i - 1], most = isFirst ? 0 : 1;
    if (w.types[i] < least || w.types[i] > most) return Outcome::badType;
  }
  return Outcome::done;
}

bool findOutliers(PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w) {
  const bool found = findOutliers(weights, shape, w, 2, shape.positions, -1, [&](int, float* logits) { scorePairs(weights, shape, w, LOT_TEXTS, logits); });
  if (!found) return false;
  giveOutliers(weights.project, weights.layers[0].outputNorm.outliers);
  *w.query.length = 0;  // it was read with other weights
  return true;
}

}  // namespace

Outcome createPrunedModel(const PrunedShape& shape, Units units, const void* const* tensors, PrunedModel** created, size_t* detail) {
  for (size_t i = 0; i < tensorCount(shape); i++) {
    const TensorForm form = tensorForm(shape, i);
    *detail = i;
    if (form.type == TensorType::floats && !isFinite((const float*)tensors[i], form.length)) return Outcome::notFinite;
  }
  PrunedModel* model = (PrunedModel*)calloc(1, sizeof(PrunedModel));
  if (!model) return Outcome::outOfMemory;
  model->shape = shape;
  model->workspace.rows.units = units;
  if (!mapLaidOut(model->mapping, [&](Arena& arena) { layOut(model->weights, shape, arena); })) {
    free(model);
    return Outcome::outOfMemory;
  }
  packWeights(model->weights, shape, tensors);
  if (!findOutliers(model->weights, model->shape, model->workspace)) {
    destroyPrunedModel(model);
    return Outcome::outOfMemory;
  }
  *created = model;
  return Outcome::done;
}

void destroyPrunedModel(PrunedModel* model) {
  if (!model) return;
  model->mapping.release();
  model->workspace.mapping.release();
  free(model);
}

const PrunedShape& shapeOf(const PrunedModel* model) { return model->shape; }

size_t memoryOf(const PrunedModel* model) { return model->mapping.size + model->workspace.mapping.size; }

Outcome runPrunedModel(PrunedModel* model, const Run& run, float* logits, size_t* detail) {
  if (!reserve(model->workspace, model->shape, (int)run.tokenCount)) return Outcome::outOfMemory;
  const Outcome checked = copyAndCheck(model->workspace, model->shape, run, detail);
  if (checked == Outcome::done) scorePairs(model->weights, model->shape, model->workspace, (int)run.pairCount, logits);
  return checked;
}
