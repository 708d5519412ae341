// What one run of the package's own cross-encoder needs beside its weights. It grows to the largest run so far and is kept.
#pragma once
#include "../pruned-engine.h"
#include "arena.h"
#include "attention.h"
#include "sinks.h"

/** Pairs whose head is computed together: two sentence vectors of each fill the largest block of a product in float32. */
constexpr int HEAD_PAIRS = 3;

/** Where a pair's rows are: the query's tokens, then [CLS], then the document's, so that what each attends to is one range. */
struct PairRows {
  /** Row of the first token, and how many there are: of all tokens, and of those that go on. */
  int start, count;
  int keptStart, keptCount;
  /** Tokens of the query without [CLS], of which all go on. */
  int query;
  float lexical, matched;
};

struct PrunedWorkspace {
  Mapping mapping;
  int capacity;

  int32_t *tokens, *types, *lengths;
  PairRows* pairs;
  // Of rows, in the order of `PairRows`.
  int32_t *pieces, *places;
  float* wanted;  // what a document's tokens are chosen by
  int32_t* kept;  // rows that go on; later their pieces
  float* hidden;   // [row][hidden]
  float* context;  // [row][hidden], what attention gives; for a while the vectors that are matched
  QuantizedRows rows;
  uint16_t *queries, *attentionInput;  // [panel][row][32]
  // Of one text and head: all rows, and from [CLS] on.
  uint16_t *keys, *values, *documentKeys, *documentValues, *shares;
  float *scores, *unfinished;
  float *means, *sentences, *firstRows, *pooled;
};

static void layOut(PrunedWorkspace& w, const PrunedShape& shape, int capacity, Arena& arena) {
  const size_t hidden = (size_t)shape.hidden, rows = (size_t)capacity + 16;  // packing keys, and comparing pieces, reads a block of 16 rows
  const size_t longest = ((size_t)shape.positions + 31) / 32 * 32;
  arena.take(w.tokens, rows);
  arena.take(w.types, rows);
  arena.take(w.lengths, rows);
  arena.take(w.pairs, rows);
  arena.take(w.pieces, rows);
  arena.take(w.places, rows);
  arena.take(w.wanted, longest + 16);
  arena.take(w.kept, rows);
  arena.take(w.hidden, rows * hidden);
  arena.take(w.context, rows * hidden);
  w.rows.layOut(shape, rows, arena);
  arena.take(w.queries, rows * hidden);
  arena.take(w.attentionInput, rows * 3 * hidden);
  arena.take(w.keys, longest * HALF);
  arena.take(w.values, longest * HALF);
  arena.take(w.documentKeys, longest * HALF);
  arena.take(w.documentValues, longest * HALF);
  arena.take(w.shares, ATTENTION_ROWS * SHORT_STRIDE);
  arena.take(w.scores, ATTENTION_ROWS * SHORT_STRIDE);
  arena.take(w.unfinished, BLOCK_ROWS * UNFINISHED_INNER_STRIDE);
  arena.take(w.means, 2 * HEAD_PAIRS * hidden);
  arena.take(w.sentences, 2 * HEAD_PAIRS * hidden);
  arena.take(w.firstRows, HEAD_PAIRS * hidden);
  arena.take(w.pooled, HEAD_PAIRS * hidden);
}
