// What the kernels offer the addon for models of ModernBERT's shape, cross-encoders and embedders (B. Warner et al., 2024, arXiv:2412.13663): norms before what they are for, rotary positions, layers
// that see near tokens alone, gated feed-forward layers. As in engine.h, nothing here has vector types.
#pragma once
#include "engine.h"

enum class Pooling { cls, mean };
enum class ModernbertHeadActivation { gelu, none };

struct ModernbertShape {
  int hidden, inner, heads, layers;
  int vocabulary, positions;
  /** How far from a token are those that it sees in a local layer. */
  int reach;
  float epsilon;
  Pooling pooling;
  /** Without a head a text gives what is pooled. */
  bool hasHead;
  /** Of the head, and of its norm. */
  int labels;
  float headEpsilon;
  ModernbertHeadActivation headActivation;
  bool isGlobal[MAX_LAYERS];
  /** Whether words stay in their file and are no tensor. */
  bool hasWordsFile;
};

static inline int longestText(const ModernbertShape& shape) { return shape.positions; }
/** Numbers for each text. */
static inline int outputsOf(const ModernbertShape& shape) { return shape.hasHead ? shape.labels : shape.hidden; }

static inline WeightsForm formOf(const ModernbertShape& shape) {
  const size_t hidden = (size_t)shape.hidden, inner = (size_t)shape.inner, square = hidden * hidden;
  const size_t angles = (size_t)shape.positions * (hidden / (size_t)shape.heads / 2);
  return {{(size_t)shape.vocabulary * hidden, hidden, hidden, angles, angles, angles, angles},
          {3 * square, 3 * hidden, square, hidden, hidden, hidden, 2 * inner * hidden, 2 * inner, hidden * inner, hidden, hidden, hidden},
          {square, hidden, hidden, hidden, (size_t)shape.labels * hidden, (size_t)shape.labels},
          7, 12, shape.hasHead ? 6u : 0u, (size_t)shape.layers, hidden};
}

/** As `createModel`. Its texts have no types: all are 0. */
Outcome createModernbertModel(const ModernbertShape& shape, Arithmetic arithmetic, Units units, const WordsPlace& words, Model** model);
