// Models and their runs. Compiled for AVX-512 and AMX, and for AVX2.
#include "../engine.h"

#include <stdlib.h>

#include "check-input.h"
#include "float32-arithmetic.h"
#include "forward.h"
#include "int8-arithmetic.h"
#include "pack.h"
#ifdef __AMX_TILE__
#include "split-arithmetic.h"
#endif

struct Model {
  Shape shape;
  Arithmetic arithmetic;
  Units units;
};

namespace {

template <class Kind>
struct ModelOf : Model {
  Weights<Kind> weights;
  Mapping mapping;
  Workspace<Kind> workspace;
};

/** Calls `use` with the model as what it is. */
template <class Use>
auto withKind(Model* model, const Use& use) {
  if (model->arithmetic == Arithmetic::int8) return use((ModelOf<Int8Arithmetic>*)model);
#ifdef __AMX_TILE__
  if (model->units == Units::tiles) return use((ModelOf<SplitFloat32Arithmetic>*)model);
#endif
  return use((ModelOf<Float32Arithmetic>*)model);
}

template <class Kind>
Outcome copyAndCheck(Workspace<Kind>& w, const Shape& shape, const Run& run, size_t* detail) {
  const Outcome copied = copyRun(w, run, longestText(shape), detail);
  if (copied != Outcome::done) return copied;
  for (size_t i = 0; i < run.tokenCount; i++) {
    *detail = i;
    if (w.tokens[i] < 0 || w.tokens[i] >= shape.vocabulary) return Outcome::badToken;
    if (w.types[i] < 0 || w.types[i] >= shape.types) return Outcome::badType;
  }
  return Outcome::done;
}

bool findOutliers(ModelOf<Int8Arithmetic>& model) {
  static_assert(LOT_TEXTS <= LAST_ROWS, "the last layer's norms are measured once");
  const Shape& shape = model.shape;
  Workspace<Int8Arithmetic>& w = model.workspace;
  return findOutliers(model.weights, shape, w, shape.types, longestText(shape), shape.positionOffset - 1,
                      [&](int tokens, float* logits) { forward(model.weights, shape, w, LOT_TEXTS, tokens, logits); });
}
/** In float32 no column is one. */
template <class Kind>
bool findOutliers(ModelOf<Kind>&) {
  return true;
}

void setUnits(QuantizedRows& rows, Units units) { rows.units = units; }
/** In float32 the kind says it. */
template <class Rows>
void setUnits(Rows&, Units) {}

template <class Kind>
Outcome create(const Shape& shape, Arithmetic arithmetic, Units units, const float* const* tensors, Model** created) {
  auto* model = (ModelOf<Kind>*)calloc(1, sizeof(ModelOf<Kind>));
  if (!model) return Outcome::outOfMemory;
  model->shape = shape;
  model->arithmetic = arithmetic;
  model->units = units;
  setUnits(model->workspace.rows, units);
  if (!mapLaidOut(model->mapping, [&](Arena& arena) { layOut(model->weights, shape, arena); })) {
    free(model);
    return Outcome::outOfMemory;
  }
  packWeights(model->weights, shape, tensors);
  if (!findOutliers(*model)) {
    destroyModel(model);
    return Outcome::outOfMemory;
  }
  *created = model;
  return Outcome::done;
}

template <class Kind>
Outcome run(ModelOf<Kind>* model, const Run& run, float* logits, size_t* detail) {
  const Shape& shape = model->shape;
  Workspace<Kind>& w = model->workspace;
  if (!reserve(w, shape, (int)Kind::mostRows(run.tokenCount, run.pairCount))) return Outcome::outOfMemory;
  const Outcome checked = copyAndCheck(w, shape, run, detail);
  if (checked == Outcome::done) forward(model->weights, shape, w, (int)run.pairCount, (int)run.tokenCount, logits);
  return checked;
}

}  // namespace

Outcome createModel(const Shape& shape, Arithmetic arithmetic, Units units, const float* const* tensors, Model** created, size_t* detail) {
  for (size_t i = 0; i < tensorCount(shape); i++) {
    *detail = i;
    if (!isFinite(tensors[i], tensorLength(shape, i))) return Outcome::notFinite;
  }
  if (arithmetic == Arithmetic::int8) return create<Int8Arithmetic>(shape, arithmetic, units, tensors, created);
#ifdef __AMX_TILE__
  if (units == Units::tiles) return create<SplitFloat32Arithmetic>(shape, arithmetic, units, tensors, created);
#endif
  return create<Float32Arithmetic>(shape, arithmetic, units, tensors, created);
}

void destroyModel(Model* model) {
  if (!model) return;
  withKind(model, [](auto* known) {
    known->mapping.release();
    known->workspace.mapping.release();
  });
  free(model);
}

const Shape& shapeOf(const Model* model) { return model->shape; }

size_t memoryOf(Model* model) {
  return withKind(model, [](auto* known) { return known->mapping.size + known->workspace.mapping.size; });
}

Outcome runModel(Model* model, const Run& input, float* logits, size_t* detail) {
  return withKind(model, [&](auto* known) { return run(known, input, logits, detail); });
}
