// What one run of the package's own cross-encoder needs beside its weights, and what is kept of a query. It grows to the largest run so far and is kept.
#pragma once
#include "../../pruned-engine.h"
#include "../vectors/arena.h"
#include "../attention/attention.h"
#include "../products/sinks.h"

using AttentionNumber = QuantizedAttention::Number;

/** Pairs whose head is computed together: a row of each fills the largest block of a product in float32. */
constexpr int HEAD_PAIRS = FLOAT_BLOCK_ROWS;
/** Query tokens whose matches are looked for together. */
constexpr int MATCH_ROWS = 4;

/** Where a pair's tokens are, and its rows: the document's [CLS], which reads both texts, then the document's tokens. */
struct PairRows {
  /** The place of its first token in the run. The query's come first; its own [CLS] is one of them. */
  int firstToken, queryTokens;
  /** The row of [CLS], and how many there are: of all tokens, and of those that go on. */
  int start, count;
  int keptStart, keptCount;
  float lexical, matched;
};

/** What is made of a query. It depends on the query's pieces alone, so it is kept until another query comes: a call's pairs have one query. */
struct QueryState {
  int32_t* length;      // one number, 0 where there is none yet, which is what new memory has
  int32_t* pieces;
  AttentionNumber* keyValues;  // [layer][keys of each head, then values][row][32]
  float* vectors;       // [row][hidden]: unit vectors after the first layer
  float* sentence;      // [hidden]: the unit sentence vector

  const AttentionNumber* keyValuesOf(const PrunedShape& shape, int layer) const { return keyValues + (size_t)layer * 2 * (size_t)shape.hidden * (size_t)*length; }
};

struct PrunedWorkspace {
  Mapping mapping;
  int capacity;

  int32_t *tokens, *types, *lengths;
  QueryState query;
  PairRows* pairs;
  // Of rows: the query's, or those of pairs as in `PairRows`.
  int32_t *pieces, *places;
  float* wanted;  // what a document's tokens are chosen by
  int32_t* kept;  // rows that go on; later their pieces
  float* hidden;   // [row][hidden]
  float* context;  // [row][hidden], what attention gives; for a while the vectors that are matched
  QuantizedRows rows;
  AttentionNumber *queries, *attentionInput;  // [panel][row][32]
  // Of one pair and head: the document's columns, then the query's.
  AttentionNumber *keys, *values, *shares;
  float *scores, *unfinished;
  float *means, *sentences, *firstRows, *pooled;
};

static void layOut(QueryState& query, const PrunedShape& shape, int capacity, Arena& arena) {
  const size_t hidden = (size_t)shape.hidden, rows = (size_t)(capacity < shape.positions ? capacity : shape.positions) + 16;  // as in the workspace
  arena.take(query.length, 1);
  arena.take(query.pieces, rows);
  arena.take(query.keyValues, rows * 2 * hidden * (size_t)shape.layers);
  arena.take(query.vectors, rows * hidden);
  arena.take(query.sentence, hidden);
}

static void layOut(PrunedWorkspace& w, const PrunedShape& shape, int capacity, Arena& arena) {
  const size_t hidden = (size_t)shape.hidden, rows = (size_t)capacity + 16;  // packing keys, and comparing pieces, reads a block of 16 rows
  const size_t columns = ((size_t)shape.positions + 1 + 31) / 32 * 32;  // of both texts and the document's [CLS]
  arena.take(w.tokens, rows);
  arena.take(w.types, rows);
  arena.take(w.lengths, rows);
  layOut(w.query, shape, capacity, arena);
  arena.take(w.pairs, rows);
  arena.take(w.pieces, rows);
  arena.take(w.places, rows);
  arena.take(w.wanted, columns + 16);
  arena.take(w.kept, rows);
  arena.take(w.hidden, rows * hidden);
  arena.take(w.context, rows * hidden);
  w.rows.layOut(shape, rows, arena);
  arena.take(w.queries, rows * hidden);
  arena.take(w.attentionInput, rows * 3 * hidden);
  arena.take(w.keys, columns * HALF);
  arena.take(w.values, columns * HALF);
  arena.take(w.shares, ATTENTION_ROWS * SHORT_STRIDE);
  arena.take(w.scores, ATTENTION_ROWS * SHORT_STRIDE);
  arena.take(w.unfinished, GROUP_ROWS * UNFINISHED_INNER_STRIDE);
  arena.take(w.means, HEAD_PAIRS * hidden);
  arena.take(w.sentences, HEAD_PAIRS * hidden);
  arena.take(w.firstRows, HEAD_PAIRS * hidden);
  arena.take(w.pooled, HEAD_PAIRS * hidden);
}
