// How models take their weights in parts, and words from a file.
#pragma once
#include "check-input.h"
#include "kind-of-model.h"
#include "pack-matrix.h"
#include "read-words.h"

/** A model without weights, but for words that stay in a file. */
template <class KindOf, class AnyShape>
static Outcome createInParts(const ModelCalls& calls, const AnyShape& shape, Units units, const WordsPlace& words, int longest, int outputs, Model** created) {
  Model* model = KindOf::create(calls, shape, units, longest, outputs);
  if (!model) return Outcome::outOfMemory;
  auto& shared = KindOf::sharedOf(model);
  shared.form = formOf(shape);
  if (shape.hasWordsFile) {
    WordsFile& file = shared.weights.wordsFile;
    file.format = words.format;
    file.start = words.start;
    if (!openWords(file, words.path, (size_t)shape.vocabulary, (size_t)shape.hidden)) {
      KindOf::destroy(model);
      return Outcome::badFile;
    }
    shared.progress = {1, (size_t)shape.vocabulary};
  }
  *created = model;
  return Outcome::done;
}

/**
 * As `ModelCalls::add`. `packWords(first row, rows, tensors)` and `packPart(index, tensors)` pack what the model has next, parts counted from what is embedded beside words on;
 * `complete` is called when all is there.
 */
template <class PackWords, class PackPart, class Complete>
static Outcome addTensors(SharedWeights& shared, const float* const* from, size_t count, size_t wordRows, size_t* detail, const PackWords& packWords, const PackPart& packPart,
                          const Complete& complete) {
  const WeightsForm& form = shared.form;
  Progress next = shared.progress;
  for (size_t i = 0; i < count; i++) {
    *detail = i;
    const size_t index = next.tensors + i;
    if (!isFinite(from[i], index == 0 ? wordRows * form.wordSize : tensorLength(form, index))) return Outcome::notFinite;
  }
  Tensors tensors{from};
  for (size_t at = next.tensors; at < shared.progress.tensors + count;) {
    if (at == 0) packWords(next.words, wordRows, tensors);
    if (at > 0) packPart(at == 1 ? 0 : 1 + (int)((at - form.embeddings) / form.perLayer), tensors);
    do at++;
    while (!endsPart(form, at));
  }
  next.words += wordRows;
  // A piece of the words that is not their last ends no tensor.
  next.tensors += next.words * form.wordSize < form.embedding[0] ? 0 : count;
  const bool isComplete = next.tensors == tensorCount(form);
  const Outcome completed = isComplete ? complete() : Outcome::done;
  if (completed != Outcome::done) return completed;
  shared.progress = next;
  if (isComplete) publish(&shared);
  return Outcome::done;
}
