// BERT's kind of models and their runs. Compiled for each kind of vectors (build.mjs).
#include "../engine.h"

#include "models/add-tensors.h"
#include "bert/float32-arithmetic.h"
#include "bert/forward.h"
#include "bert/int8-arithmetic.h"
#include "bert/pack.h"
#ifdef __AMX_TILE__
#include "bert/split-arithmetic.h"
#endif

/** Gives back what of the weights is no memory. */
template <class Kind>
static void letGo(Weights<Kind>& weights) {
  closeWords(weights.wordsFile);
}

namespace {

template <class Kind>
using KindOf = KindOfModel<Shape, Weights<Kind>, Workspace<Kind>>;

/** Of a run that was checked. */
template <class Kind>
Outcome embedAndRun(const Weights<Kind>& weights, const Shape& shape, Workspace<Kind>& w, int texts, int tokens, float* outputs) {
  if (shape.hasWordsFile && !readWords(weights.wordsFile, w.tokens, (size_t)tokens, (size_t)shape.hidden, w.words)) return Outcome::badFile;
  forward(weights, shape, w, texts, tokens, outputs);
  return Outcome::done;
}

Outcome findOutliers(Weights<Int8Arithmetic>& weights, const Shape& shape, Workspace<Int8Arithmetic>& w) {
  static_assert(LOT_TEXTS <= LAST_ROWS, "the last layer's norms are measured once");
  Outcome ran = Outcome::done;
  const bool found = findOutliers(weights, shape, w, shape.types, longestText(shape), shape.positionOffset - 1,
                                  [&](int tokens, float* outputs) { ran = embedAndRun(weights, shape, w, LOT_TEXTS, tokens, outputs); });
  return found ? ran : Outcome::outOfMemory;
}
/** In float32 no column is one. */
template <class Kind>
Outcome findOutliers(Weights<Kind>&, const Shape&, Workspace<Kind>&) {
  return Outcome::done;
}

template <class Kind>
Outcome run(Model* model, const Run& run, float* outputs, size_t* detail) {
  const auto& shared = KindOf<Kind>::sharedOf(model);
  Workspace<Kind>& w = KindOf<Kind>::workspaceOf(model);
  const Shape& shape = shared.shape;
  if (!shared.id) return Outcome::incomplete;
  if (!reserve(w, shape, (int)Kind::mostRows(run.tokenCount, run.pairCount))) return Outcome::outOfMemory;
  const Outcome checked = copyAndCheck(w, run, longestText(shape), shape.vocabulary, shape.types, detail);
  return checked == Outcome::done ? embedAndRun(shared.weights, shape, w, (int)run.pairCount, (int)run.tokenCount, outputs) : checked;
}

template <class Kind>
Outcome add(Model* model, const float* const* tensors, size_t count, size_t wordRows, size_t* detail) {
  auto& shared = KindOf<Kind>::sharedOf(model);
  Weights<Kind>& weights = shared.weights;
  const Shape& shape = shared.shape;
  return addTensors(
      shared, tensors, count, wordRows, detail, [&](size_t first, size_t rows, Tensors& from) { packWords(weights, shape, first, rows, from); },
      [&](int part, Tensors& from) { part == 0 ? packEmbeddings(weights, shape, from) : packPart(weights, shape, part - 1, from); },
      [&] { return findOutliers(weights, shape, KindOf<Kind>::workspaceOf(model)); });
}

template <class Kind>
constexpr ModelCalls callsOf = {run<Kind>, add<Kind>, KindOf<Kind>::make, KindOf<Kind>::memory, KindOf<Kind>::destroy};

template <class Kind>
Outcome create(const Shape& shape, Units units, const WordsPlace& words, Model** created) {
  return createInParts<KindOf<Kind>>(callsOf<Kind>, shape, units, words, longestText(shape), outputsOf(shape), created);
}

}  // namespace

Outcome createModel(const Shape& shape, Arithmetic arithmetic, Units units, const WordsPlace& words, Model** created) {
  if (arithmetic == Arithmetic::int8) return create<Int8Arithmetic>(shape, units, words, created);
#ifdef __AMX_TILE__
  if (units == Units::tiles) return create<SplitFloat32Arithmetic>(shape, units, words, created);
#endif
  return create<Float32Arithmetic>(shape, units, words, created);
}
