// What every kind of model is to the addon. The addon runs on any x64 processor, so neither this header nor those of the kinds have vector types, and nothing that they declare may be
// called before the processor was asked.
#pragma once
#include <stddef.h>
#include <stdint.h>

/** What multiplies: vectors of what the kernels were compiled for, or tiles of AMX where `processorHasTiles`. */
enum class Units { vectors, tiles };

enum class Outcome { done, incomplete, outOfMemory, notFinite, badLength, badCount, badToken, badType, badFile };

/** Tokens of one run of several texts. */
constexpr int MAX_RUN = 4096;

struct Run {
  const int32_t* tokens;
  const int32_t* types;
  const int32_t* lengths;
  size_t tokenCount, pairCount;
};

/** What the tensors of a model that takes them part by part are: the words first, then what else is embedded, each layer, and the head. */
struct WeightsForm {
  static constexpr size_t MOST = 16;
  /** Numbers of each tensor of a part. */
  size_t embedding[MOST], layer[MOST], head[MOST];
  size_t embeddings, perLayer, inHead, layers;
  /** Numbers of a word. */
  size_t wordSize;
};

/** How much of its weights a model has. */
struct Progress {
  /** Tensors that it has wholly, and rows of the words, which may come in several pieces. */
  size_t tensors, words;
};

// Internal linkage: of a shared inline function the linker keeps one copy, which might be the kernels'.
static inline size_t tensorCount(const WeightsForm& form) { return form.embeddings + form.layers * form.perLayer + form.inHead; }

/** How many numbers a tensor has, in the order of README.md. */
static inline size_t tensorLength(const WeightsForm& form, size_t index) {
  if (index < form.embeddings) return form.embedding[index];
  index -= form.embeddings;
  return index < form.layers * form.perLayer ? form.layer[index % form.perLayer] : form.head[index - form.layers * form.perLayer];
}

/** Whether a part of the weights ends before this tensor. */
static inline bool endsPart(const WeightsForm& form, size_t index) {
  if (index <= form.embeddings) return index == 1 || index == form.embeddings;
  const size_t inLayers = index - form.embeddings, all = form.layers * form.perLayer;
  return inLayers <= all ? inLayers % form.perLayer == 0 : index == tensorCount(form);
}

struct Model;
struct SharedWeights;

struct ModelCalls {
  /**
   * Writes `pairCount * outputs` numbers. Copies its input before it checks it, since another thread may share that memory. `detail` is the place of the first value that is
   * out of range.
   */
  Outcome (*run)(Model* model, const Run& run, float* outputs, size_t* detail);
  /**
   * Packs the next tensors of a model that lacks some: whole parts, or so many rows of the words alone. After the last the model can run. On failure the model has none of them;
   * `detail` names the tensor that has a value which is not finite.
   */
  Outcome (*add)(Model* model, const float* const* tensors, size_t count, size_t wordRows, size_t* detail);
  /** A model of these weights, which is counted as their user already. Where there is no memory there is none, and no such user. */
  Model* (*make)(SharedWeights* weights);
  /** Bytes of what the model has for itself. */
  size_t (*memory)(const Model* model);
  /** Frees what the model has for itself, and with their last user the weights. */
  void (*destroy)(Model* model);
};

/** Weights, packed. From when they have an id on nothing of them changes, and models of several threads may read them: shared-weights.h. */
struct SharedWeights {
  const ModelCalls* calls;
  size_t bytes;
  /** Tokens of the longest text, and numbers for each text. */
  int longest, outputs;
  /** Of weights that come in parts. */
  WeightsForm form;
  Progress progress;
  /** 0 while something of them is missing. */
  int64_t id;
  int users;
  SharedWeights* next;
};

/** What belongs to one thread: weights, and room to run them. */
struct Model {
  SharedWeights* weights;
};
