// What the kernels offer the addon: a model of BERT's shape, a cross-encoder or an embedder, packed and perhaps quantised as its weights come.
#pragma once
#include "model.h"
#include "words-file.h"

enum class HeadActivation { tanh, gelu };

/** What a text gives: the logits of a head over its first row, that row itself, or the mean of its rows. */
enum class Output { logits, firstRow, mean };

/** What the layers are computed in. */
enum class Arithmetic { int8, float32 };

struct Shape {
  int hidden, inner, heads, layers;
  int vocabulary, positions, types;
  int positionOffset;
  float epsilon;
  Output output;
  /** Of the head, where there is one. */
  int labels;
  HeadActivation headActivation;
  /** Whether words stay in their file and are no tensor. */
  bool hasWordsFile;
};

constexpr int MAX_HIDDEN = 1024, MAX_INNER = 4096, MAX_HEADS = MAX_HIDDEN / 32, MAX_LAYERS = 48, MAX_LABELS = 2;
constexpr int MAX_VOCABULARY = 1 << 22, MAX_POSITIONS = 1 << 16, MAX_TYPES = 256;
/** Tokens of one text. */
constexpr int MAX_LENGTH = 8192;

static inline int longestText(const Shape& shape) {
  const int usable = shape.positions - shape.positionOffset;
  return usable < MAX_LENGTH ? usable : MAX_LENGTH;
}
/** Numbers for each text. */
static inline int outputsOf(const Shape& shape) { return shape.output == Output::logits ? shape.labels : shape.hidden; }
/** Layers of which all rows are computed: the last too where its mean is wanted, of which otherwise the first row is. */
static inline int wholeLayers(const Shape& shape) { return shape.output == Output::mean ? shape.layers : shape.layers - 1; }

static inline WeightsForm formOf(const Shape& shape) {
  const size_t hidden = (size_t)shape.hidden, inner = (size_t)shape.inner, square = hidden * hidden;
  return {{(size_t)shape.vocabulary * hidden, (size_t)shape.positions * hidden, (size_t)shape.types * hidden, hidden, hidden},
          {square, hidden, square, hidden, square, hidden, square, hidden, hidden, hidden, inner * hidden, inner, hidden * inner, hidden, hidden, hidden},
          {square, hidden, (size_t)shape.labels * hidden, (size_t)shape.labels},
          5, 16, shape.output == Output::logits ? 4u : 0u, (size_t)shape.layers, hidden};
}

/** A model without weights, but for words that stay in a file, `words` where the shape says so. */
Outcome createModel(const Shape& shape, Arithmetic arithmetic, Units units, const WordsPlace& words, Model** model);
