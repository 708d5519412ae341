// What one run of a ModernBERT needs beside the weights. It grows to the largest run so far and is kept.
#pragma once
#include "../../modernbert-engine.h"
#include "../vectors/arena.h"
#include "../attention/attention.h"
#include "modernbert-sinks.h"

template <class Kind>
struct ModernbertWorkspace {
  using Number = typename Kind::Numbers::Number;

  Mapping mapping;
  int capacity;

  int32_t *tokens, *types, *lengths;
  int32_t* places;  // of each row in its text
  float* words;     // [row][hidden], of a model whose words stay in their file
  float* hidden;    // [row][hidden]: the residual
  float* normed;    // [row][hidden]: what the next product takes
  float* context;   // [row][hidden]: what attention gives
  typename Kind::Rows rows;
  Number* attentionInput;  // [half][row][32]
  Number *keys, *values, *shares;
  float *scores, *unfinished;
};

template <class Kind>
static void layOut(ModernbertWorkspace<Kind>& w, const ModernbertShape& shape, int capacity, Arena& arena) {
  const size_t hidden = (size_t)shape.hidden, rows = (size_t)capacity + 16;  // packing keys reads a block of 16 rows
  const size_t longest = ((size_t)shape.positions + 31) / 32 * 32;
  arena.take(w.tokens, rows);
  arena.take(w.types, rows);
  arena.take(w.lengths, rows);
  arena.take(w.places, rows);
  if (shape.hasWordsFile) arena.take(w.words, rows * hidden);
  arena.take(w.hidden, rows * hidden);
  arena.take(w.normed, rows * hidden);
  arena.take(w.context, rows * hidden);
  w.rows.layOut(shape, rows, arena);
  arena.take(w.attentionInput, rows * 3 * hidden);
  arena.take(w.keys, longest * 64);
  arena.take(w.values, longest * 64);
  arena.take(w.shares, ATTENTION_ROWS * (size_t)LONG_STRIDE);
  arena.take(w.scores, ATTENTION_ROWS * (size_t)LONG_STRIDE);
  arena.take(w.unfinished, GROUP_ROWS * UNFINISHED_INNER_STRIDE);
}
