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

constexpr int EMBEDDING_TENSORS = 5, LAYER_TENSORS = 16, HEAD_TENSORS = 4;

// Internal linkage: of a shared inline function the linker keeps one copy, which might be the kernels'.
static inline int longestText(const Shape& shape) {
  const int usable = shape.positions - shape.positionOffset;
  return usable < MAX_LENGTH ? usable : MAX_LENGTH;
}
/** Numbers for each text. */
static inline int outputsOf(const Shape& shape) { return shape.output == Output::logits ? shape.labels : shape.hidden; }
/** Layers of which all rows are computed: the last too where its mean is wanted, of which otherwise the first row is. */
static inline int wholeLayers(const Shape& shape) { return shape.output == Output::mean ? shape.layers : shape.layers - 1; }
static inline size_t tensorCount(const Shape& shape) {
  return EMBEDDING_TENSORS + (size_t)shape.layers * LAYER_TENSORS + (shape.output == Output::logits ? HEAD_TENSORS : 0);
}

/** How many floats a tensor must have, in the order of README.md. */
static inline size_t tensorLength(const Shape& shape, size_t index) {
  const size_t hidden = (size_t)shape.hidden, inner = (size_t)shape.inner, square = hidden * hidden;
  if (index < EMBEDDING_TENSORS) {
    const size_t rows[EMBEDDING_TENSORS] = {(size_t)shape.vocabulary, (size_t)shape.positions, (size_t)shape.types, 1, 1};
    return rows[index] * hidden;
  }
  index -= EMBEDDING_TENSORS;
  if (index < (size_t)shape.layers * LAYER_TENSORS) {
    const size_t lengths[LAYER_TENSORS] = {square, hidden, square, hidden,         square, hidden, square,         hidden,
                                           hidden, hidden, inner * hidden, inner, hidden * inner, hidden, hidden, hidden};
    return lengths[index % LAYER_TENSORS];
  }
  const size_t lengths[HEAD_TENSORS] = {square, hidden, (size_t)shape.labels * hidden, (size_t)shape.labels};
  return lengths[index - (size_t)shape.layers * LAYER_TENSORS];
}

/** Whether a part of the weights ends before this tensor: the words, what else is embedded, each layer, and the head. */
static inline bool endsPart(const Shape& shape, size_t index) {
  if (index <= EMBEDDING_TENSORS) return index == 1 || index == EMBEDDING_TENSORS;
  const size_t inLayers = index - EMBEDDING_TENSORS, all = (size_t)shape.layers * LAYER_TENSORS;
  return inLayers <= all ? inLayers % LAYER_TENSORS == 0 : index == tensorCount(shape);
}

/** How much of its weights a model has. */
struct Progress {
  /** Tensors that it has wholly, and rows of the words, which may come in several pieces. */
  size_t tensors, words;
};

/** Words that stay in a file, in the row order of their tensor. */
struct WordsPlace {
  const char* path;
  WordFormat format;
  int64_t start;
};

/** A model without weights, but for words that stay in a file, `words` where the shape says so. */
Outcome createModel(const Shape& shape, Arithmetic arithmetic, Units units, const WordsPlace& words, Model** model);

/** Of a model that `createModel` made. */
const Shape& shapeOf(const Model* model);
Progress progressOf(const Model* model);

/**
 * Packs the next tensors of a model, whole parts, or so many rows of the words alone. After the last the model can run. On failure the model has none of them; `detail` names the
 * tensor that has a value which is not finite.
 */
Outcome addTensors(Model* model, const float* const* tensors, size_t count, size_t wordRows, size_t* detail);
