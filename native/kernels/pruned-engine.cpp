// The package's own cross-encoder. Compiled as engine.cpp is.
#include "../pruned-engine.h"

#include "models/check-input.h"
#include "models/find-outliers.h"
#include "models/kind-of-model.h"
#include "pruned/pruned-forward.h"

namespace {

using Kind = KindOfModel<PrunedShape, PrunedWeights, PrunedWorkspace>;

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

Outcome run(Model* model, const Run& run, float* logits, size_t* detail) {
  const auto& shared = Kind::sharedOf(model);
  PrunedWorkspace& w = Kind::workspaceOf(model);
  if (!reserve(w, shared.shape, (int)run.tokenCount)) return Outcome::outOfMemory;
  const Outcome checked = copyAndCheck(w, shared.shape, run, detail);
  if (checked == Outcome::done) scorePairs(shared.weights, shared.shape, w, (int)run.pairCount, logits);
  return checked;
}

constexpr ModelCalls calls = {run, nullptr, Kind::make, Kind::memory, Kind::destroy};

}  // namespace

Outcome createPrunedModel(const PrunedShape& shape, Units units, const void* const* tensors, Model** created, size_t* detail) {
  for (size_t i = 0; i < tensorCount(shape); i++) {
    const TensorForm form = tensorForm(shape, i);
    *detail = i;
    if (form.type == TensorType::floats && !isFinite((const float*)tensors[i], form.length)) return Outcome::notFinite;
  }
  Model* model = Kind::create(calls, shape, units, shape.positions, 1);
  if (!model) return Outcome::outOfMemory;
  auto& shared = Kind::sharedOf(model);
  packWeights(shared.weights, shape, tensors);
  if (!findOutliers(shared.weights, shape, Kind::workspaceOf(model))) {
    Kind::destroy(model);
    return Outcome::outOfMemory;
  }
  publish(&shared);
  *created = model;
  return Outcome::done;
}
