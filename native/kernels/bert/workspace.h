// What one run needs beside the weights. It grows to the largest run so far and is kept.
#pragma once
#include "../../engine.h"
#include "../vectors/arena.h"
#include "../attention/attention.h"
#include "../products/sinks.h"

/** Pairs whose last layer is computed together. */
constexpr int LAST_ROWS = 8;

template <class Kind>
struct Workspace {
  using Number = typename Kind::Numbers::Number;

  Mapping mapping;
  int capacity;

  int32_t *tokens, *types, *lengths;
  float* words;           // [token][hidden], of a model whose words stay in their file
  float* hidden;          // [row][hidden]
  float* context;         // [row][hidden], what attention gives
  typename Kind::Rows rows;
  Number* attentionInput;  // [half][row][32]
  Number *keys, *values, *shares;
  float* scores;
  float* unfinished;
  float *lastRows, *lastContext, *lastQueries, *lastLooks, *lastMixes;
};

template <class Kind>
static void layOut(Workspace<Kind>& w, const Shape& shape, int capacity, Arena& arena) {
  const size_t hidden = (size_t)shape.hidden, rows = (size_t)capacity + 16;  // packing keys reads a block of 16 rows
  const size_t longest = ((size_t)longestText(shape) + 31) / 32 * 32;
  const size_t stride = longest <= SHORT_LENGTH ? SHORT_STRIDE : LONG_STRIDE;
  arena.take(w.tokens, rows);
  arena.take(w.types, rows);
  arena.take(w.lengths, rows);
  if (shape.hasWordsFile) arena.take(w.words, rows * hidden);
  arena.take(w.hidden, rows * hidden);
  arena.take(w.context, rows * hidden);
  w.rows.layOut(shape, rows + LAST_ROWS, arena);
  arena.take(w.attentionInput, rows * 3 * hidden);
  arena.take(w.keys, longest * 64);
  arena.take(w.values, longest * 64);
  arena.take(w.shares, ATTENTION_ROWS * stride);
  arena.take(w.scores, ATTENTION_ROWS * stride);
  arena.take(w.unfinished, GROUP_ROWS * UNFINISHED_INNER_STRIDE);
  arena.take(w.lastRows, LAST_ROWS * hidden);
  arena.take(w.lastContext, LAST_ROWS * hidden);
  arena.take(w.lastQueries, LAST_ROWS * hidden);
  arena.take(w.lastLooks, LAST_ROWS * hidden * (size_t)shape.heads);
  arena.take(w.lastMixes, LAST_ROWS * hidden * (size_t)shape.heads);
}
