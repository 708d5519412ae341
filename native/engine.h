// What the kernels offer the addon: a cross-encoder of BERT's shape, packed and perhaps quantised when it is made. The addon runs on any x64 processor, so this header has no
// vector types, and nothing here may be called before the processor was asked.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum class HeadActivation { tanh, gelu };

/** What the layers are computed in. */
enum class Arithmetic { int8, float32 };

/** What multiplies: vectors of what the kernels were compiled for, or tiles of AMX where `processorHasTiles`. */
enum class Units { vectors, tiles };

struct Shape {
  int hidden, inner, heads, layers;
  int vocabulary, positions, types;
  int positionOffset;
  float epsilon;
  int labels;
  HeadActivation headActivation;
};

constexpr int MAX_HIDDEN = 1024, MAX_INNER = 4096, MAX_HEADS = MAX_HIDDEN / 32, MAX_LAYERS = 48, MAX_LABELS = 2;
constexpr int MAX_VOCABULARY = 1 << 22, MAX_POSITIONS = 1 << 16, MAX_TYPES = 256;
/** Tokens of one text, and of one run of several. */
constexpr int MAX_LENGTH = 8192, MAX_RUN = 4096;

constexpr int EMBEDDING_TENSORS = 5, LAYER_TENSORS = 16, HEAD_TENSORS = 4;

// Internal linkage: of a shared inline function the linker keeps one copy, which might be the kernels'.
static inline int longestText(const Shape& shape) {
  const int usable = shape.positions - shape.positionOffset;
  return usable < MAX_LENGTH ? usable : MAX_LENGTH;
}
static inline size_t tensorCount(const Shape& shape) { return EMBEDDING_TENSORS + (size_t)shape.layers * LAYER_TENSORS + HEAD_TENSORS; }

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

struct Model;

enum class Outcome { done, outOfMemory, notFinite, badLength, badCount, badToken, badType };

/** Packs the tensors of a checked shape. `detail` names the tensor that has a value which is not finite. */
Outcome createModel(const Shape& shape, Arithmetic arithmetic, Units units, const float* const* tensors, Model** model, size_t* detail);
void destroyModel(Model* model);
const Shape& shapeOf(const Model* model);
/** Bytes that the model holds now. */
size_t memoryOf(Model* model);

struct Run {
  const int32_t* tokens;
  const int32_t* types;
  const int32_t* lengths;
  size_t tokenCount, pairCount;
};

/**
 * Writes `pairCount * labels` logits. Copies its input before it checks it, since another thread may share that memory. `detail` is the place of the first
 * value that is out of range.
 */
Outcome runModel(Model* model, const Run& run, float* logits, size_t* detail);
