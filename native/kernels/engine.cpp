// BERT's kind of models and their runs. Compiled for AVX-512 and AMX, and for AVX2.
#include "../engine.h"

#include "check-input.h"
#include "float32-arithmetic.h"
#include "forward.h"
#include "int8-arithmetic.h"
#include "kind-of-model.h"
#include "pack.h"
#include "read-words.h"
#ifdef __AMX_TILE__
#include "split-arithmetic.h"
#endif

/** Gives back what of the weights is no memory. */
template <class Kind>
static void letGo(Weights<Kind>& weights) {
  closeWords(weights.wordsFile);
}

namespace {

/** A shape, and how far the weights of that shape have come: the part that is the same in every arithmetic. */
struct FilledShape : Shape {
  Progress progress;
};

template <class Kind>
using KindOf = KindOfModel<FilledShape, Weights<Kind>, Workspace<Kind>>;

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
  const Outcome checked = copyAndCheck(w, shape, run, detail);
  return checked == Outcome::done ? embedAndRun(shared.weights, shape, w, (int)run.pairCount, (int)run.tokenCount, outputs) : checked;
}

/** Tensors from `progress` on: rows of words, or whole parts. */
template <class Kind>
void pack(Weights<Kind>& weights, const FilledShape& shape, const float* const* from, size_t count, size_t wordRows) {
  Tensors tensors{from};
  const size_t end = shape.progress.tensors + count;
  for (size_t at = shape.progress.tensors; at < end;) {
    if (at == 0) packWords(weights, shape, shape.progress.words, wordRows, tensors);
    if (at == 1) packEmbeddings(weights, shape, tensors);
    if (at >= EMBEDDING_TENSORS) packPart(weights, shape, (int)((at - EMBEDDING_TENSORS) / LAYER_TENSORS), tensors);
    do at++;
    while (!endsPart(shape, at));
  }
}

template <class Kind>
Outcome add(Model* model, const float* const* tensors, size_t count, size_t wordRows) {
  auto& shared = KindOf<Kind>::sharedOf(model);
  FilledShape& shape = shared.shape;
  pack(shared.weights, shape, tensors, count, wordRows);
  Progress next = shape.progress;
  next.words += wordRows;
  // A piece of the words that is not their last ends no tensor.
  next.tensors += next.words < (size_t)shape.vocabulary ? 0 : count;
  const bool isComplete = next.tensors == tensorCount(shape);
  const Outcome found = isComplete ? findOutliers(shared.weights, shape, KindOf<Kind>::workspaceOf(model)) : Outcome::done;
  if (found != Outcome::done) return found;
  shape.progress = next;
  if (isComplete) publish(&shared);
  return Outcome::done;
}

/** What each kind does for the addon, and how it takes weights. */
struct Calls : ModelCalls {
  Outcome (*add)(Model*, const float* const*, size_t, size_t);
};
template <class Kind>
constexpr Calls callsOf = {{run<Kind>, KindOf<Kind>::make, KindOf<Kind>::memory, KindOf<Kind>::destroy}, add<Kind>};

template <class Kind>
Outcome create(const Shape& shape, Units units, const WordsPlace& words, Model** created) {
  FilledShape filled = {shape, {}};
  if (shape.hasWordsFile) filled.progress = {1, (size_t)shape.vocabulary};
  Model* model = KindOf<Kind>::create(callsOf<Kind>, filled, units, longestText(shape), outputsOf(shape));
  if (!model) return Outcome::outOfMemory;
  WordsFile& file = KindOf<Kind>::sharedOf(model).weights.wordsFile;
  file.format = words.format;
  file.start = words.start;
  if (shape.hasWordsFile && !openWords(file, words.path, (size_t)shape.vocabulary, (size_t)shape.hidden)) {
    KindOf<Kind>::destroy(model);
    return Outcome::badFile;
  }
  *created = model;
  return Outcome::done;
}

}  // namespace

Outcome createModel(const Shape& shape, Arithmetic arithmetic, Units units, const WordsPlace& words, Model** created) {
  if (arithmetic == Arithmetic::int8) return create<Int8Arithmetic>(shape, units, words, created);
#ifdef __AMX_TILE__
  if (units == Units::tiles) return create<SplitFloat32Arithmetic>(shape, units, words, created);
#endif
  return create<Float32Arithmetic>(shape, units, words, created);
}

const Shape& shapeOf(const Model* model) { return ((const ShapedWeights<FilledShape>*)model->weights)->shape; }

Progress progressOf(const Model* model) { return ((const ShapedWeights<FilledShape>*)model->weights)->shape.progress; }

Outcome addTensors(Model* model, const float* const* tensors, size_t count, size_t wordRows, size_t* detail) {
  const Shape& shape = shapeOf(model);
  const size_t first = progressOf(model).tensors;
  for (size_t i = 0; i < count; i++) {
    *detail = i;
    const size_t length = first + i == 0 ? wordRows * (size_t)shape.hidden : tensorLength(shape, first + i);
    if (!isFinite(tensors[i], length)) return Outcome::notFinite;
  }
  return ((const Calls*)model->weights->calls)->add(model, tensors, count, wordRows);
}
