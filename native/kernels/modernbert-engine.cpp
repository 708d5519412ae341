// Models of ModernBERT's shape. Compiled as engine.cpp is.
#include "../modernbert-engine.h"

#include "models/add-tensors.h"
#include "modernbert/modernbert-arithmetic.h"
#include "modernbert/modernbert-forward.h"
#ifdef __AMX_TILE__
#include "bert/pack-split.h"
#include "modernbert/modernbert-split.h"
#endif
#include "modernbert/modernbert-pack.h"

/** Gives back what of the weights is no memory. */
template <class Kind>
static void letGo(ModernbertWeights<Kind>& weights) {
  closeWords(weights.wordsFile);
}

namespace {

template <class Kind>
using KindOf = KindOfModel<ModernbertShape, ModernbertWeights<Kind>, ModernbertWorkspace<Kind>>;

/** Of a run that was checked. */
template <class Kind>
Outcome embedAndRun(const ModernbertWeights<Kind>& weights, const ModernbertShape& shape, ModernbertWorkspace<Kind>& w, int texts, int tokens, float* outputs) {
  if (shape.hasWordsFile && !readWords(weights.wordsFile, w.tokens, (size_t)tokens, (size_t)shape.hidden, w.words)) return Outcome::badFile;
  forward(weights, shape, w, texts, tokens, outputs);
  return Outcome::done;
}

Outcome findOutliers(ModernbertWeights<ModernbertInt8>& weights, const ModernbertShape& shape, ModernbertWorkspace<ModernbertInt8>& w) {
  Outcome ran = Outcome::done;
  const bool found =
      findOutliers(weights, shape, w, 1, longestText(shape), -1, [&](int tokens, float* outputs) { ran = embedAndRun(weights, shape, w, LOT_TEXTS, tokens, outputs); });
  return found ? ran : Outcome::outOfMemory;
}
/** In float32 no column is one. */
template <class Kind>
Outcome findOutliers(ModernbertWeights<Kind>&, const ModernbertShape&, ModernbertWorkspace<Kind>&) {
  return Outcome::done;
}

template <class Kind>
Outcome run(Model* model, const Run& run, float* outputs, size_t* detail) {
  const auto& shared = KindOf<Kind>::sharedOf(model);
  auto& w = KindOf<Kind>::workspaceOf(model);
  if (!shared.id) return Outcome::incomplete;
  if (!reserve(w, shared.shape, (int)run.tokenCount)) return Outcome::outOfMemory;
  const Outcome checked = copyAndCheck(w, run, longestText(shared.shape), shared.shape.vocabulary, 1, detail);
  return checked == Outcome::done ? embedAndRun(shared.weights, shared.shape, w, (int)run.pairCount, (int)run.tokenCount, outputs) : checked;
}

template <class Kind>
Outcome add(Model* model, const float* const* tensors, size_t count, size_t wordRows, size_t* detail) {
  auto& shared = KindOf<Kind>::sharedOf(model);
  auto& weights = shared.weights;
  const ModernbertShape& shape = shared.shape;
  return addTensors(
      shared, tensors, count, wordRows, detail, [&](size_t first, size_t rows, Tensors& from) { packWords(weights, shape, first, rows, from); },
      [&](int part, Tensors& from) { packPart(weights, shape, part, from); }, [&] { return findOutliers(weights, shape, KindOf<Kind>::workspaceOf(model)); });
}

template <class Kind>
constexpr ModelCalls callsOf = {run<Kind>, add<Kind>, KindOf<Kind>::make, KindOf<Kind>::memory, KindOf<Kind>::destroy};

template <class Kind>
Outcome create(const ModernbertShape& shape, Units units, const WordsPlace& words, Model** created) {
  return createInParts<KindOf<Kind>>(callsOf<Kind>, shape, units, words, longestText(shape), outputsOf(shape), created);
}

}  // namespace

Outcome createModernbertModel(const ModernbertShape& shape, Arithmetic arithmetic, Units units, const WordsPlace& words, Model** created) {
  if (arithmetic == Arithmetic::int8) return create<ModernbertInt8>(shape, units, words, created);
#ifdef __AMX_TILE__
  if (units == Units::tiles) return create<ModernbertSplitFloat32>(shape, units, words, created);
#endif
  return create<ModernbertFloat32>(shape, units, words, created);
}
