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

struct Model;
struct SharedWeights;

struct ModelCalls {
  /**
   * Writes `pairCount * outputs` numbers. Copies its input before it checks it, since another thread may share that memory. `detail` is the place of the first value that is
   * out of range.
   */
  Outcome (*run)(Model* model, const Run& run, float* outputs, size_t* detail);
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
  /** 0 while something of them is missing. */
  int64_t id;
  int users;
  SharedWeights* next;
};

/** What belongs to one thread: weights, and room to run them. */
struct Model {
  SharedWeights* weights;
};
