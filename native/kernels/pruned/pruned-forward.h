// The forward pass of the package's own cross-encoder: a query once, then the documents that stand with it.
#pragma once
#include "read-query.h"
#include "token-choice.h"

/** How many rows the pairs of a group have, and how many of them go on. */
struct GroupRows {
  int all, kept;
};

/** Places the rows and chooses those that go on. */
static GroupRows planGroup(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, PairRows* pairs, int count) {
  GroupRows rows = {0, 0};
  for (int i = 0; i < count; i++) {
    pairs[i].start = rows.all;
    rows.all += pairs[i].count;
    placeRows(w, pairs[i]);
    countPieces(w, pairs[i], shape, weights);
    rows.kept = chooseTokens(w, pairs[i], shape, rows.kept);
  }
  return rows;
}

/** Moves the rows that go on together, in place, and leaves their pieces in `kept`. A row only ever moves forwards. */
static void gatherKept(const PrunedShape& shape, PrunedWorkspace& w, int keptRows) {
  const size_t size = (size_t)shape.hidden;
  for (int i = 0; i < keptRows; i++) {
    const size_t from = (size_t)w.kept[i], to = (size_t)i;
    w.kept[i] = w.pieces[from];
    if (from == to) continue;
    memcpy(w.hidden + to * size, w.hidden + from * size, size * sizeof(float));
    memcpy(w.rows.hidden + to * HIDDEN_STRIDE, w.rows.hidden + from * HIDDEN_STRIDE, size + HIGH_INPUTS);
    w.rows.hiddenScales[to] = w.rows.hiddenScales[from];
  }
}

/** Keys and values of all tokens; queries, and everything after, of those that go on. */
static void runFirstLayer(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, const PairRows* pairs, int count, const GroupRows& rows) {
  const PrunedLayer& layer = weights.layers[0];
  AttentionInputSink<QuantizedAttention> keyValues{w.attentionInput, (size_t)rows.all}, queries{w.queries, (size_t)rows.kept};
  w.rows.multiplyHidden(rows.all, layer.keyValue, keyValues);
  gatherKept(shape, w, rows.kept);
  w.rows.multiplyHidden(rows.kept, layer.query, queries);
  const Projections from = {w.queries, (size_t)rows.kept, w.attentionInput, (size_t)rows.all};
  for (int i = 0; i < count; i++) {
    const AttentionRange range = {pairs[i].keptStart, pairs[i].keptCount, pairs[i].start, pairs[i].count};
    attendWithinPair(shape, w, from, range, {w.query.keyValuesOf(shape, 0), *w.query.length});
  }
  finishLayer(layer, w.rows, w.unfinished, w.context, w.hidden, rows.kept, isForHeadAlone(shape, 0));
}

static void runLayer(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, const PairRows* pairs, int count, int index, int rows) {
  const PrunedLayer& layer = weights.layers[index];
  AttentionInputSink<QuantizedAttention> sink{w.attentionInput, (size_t)rows};
  w.rows.multiplyHidden(rows, layer.attentionInput, sink);
  const Projections from = {w.attentionInput, (size_t)rows, w.attentionInput + (size_t)rows * (size_t)shape.hidden, (size_t)rows};
  for (int i = 0; i < count; i++) {
    const AttentionRange range = {pairs[i].keptStart, pairs[i].keptCount, pairs[i].keptStart, pairs[i].keptCount};
    attendWithinPair(shape, w, from, range, {w.query.keyValuesOf(shape, index), *w.query.length});
  }
  finishLayer(layer, w.rows, w.unfinished, w.context, w.hidden, rows, isForHeadAlone(shape, index));
}

static void matchDocuments(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, PairRows* pairs, int count, int rows) {
  const size_t size = (size_t)shape.hidden;
  projectVectors(weights, shape, w, rows, w.context);
  for (int i = 0; i < count; i++) {
    const float* document = w.context + (size_t)(pairs[i].keptStart + 1) * size;
    pairs[i].matched = matchQuery(w.query, document, pairs[i].keptCount - 1, weights.importance, shape.hidden);
  }
}

/** Pairs that have the query that was read. */
static void scoreGroup(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, PairRows* pairs, int count, float* logits) {
  const GroupRows rows = planGroup(weights, shape, w, pairs, count);
  embed(weights, shape, w, rows.all);
  runFirstLayer(weights, shape, w, pairs, count, rows);
  matchDocuments(weights, shape, w, pairs, count, rows.kept);
  for (int i = 1; i < shape.layers; i++) runLayer(weights, shape, w, pairs, count, i, rows.kept);
  for (int i = 0; i < count; i += HEAD_PAIRS) {
    const int together = count - i < HEAD_PAIRS ? count - i : HEAD_PAIRS;
    finishPairs(weights, shape, w, pairs + i, together, logits + i);
  }
}

/** Where the tokens of each pair are. The texts were checked: zeros, then ones. */
static void findTexts(PrunedWorkspace& w, int pairs) {
  int token = 0;
  for (int i = 0; i < pairs; i++) {
    int query = 1;
    while (query < w.lengths[i] && !w.types[token + query]) query++;
    w.pairs[i].firstToken = token;
    w.pairs[i].queryTokens = query;
    w.pairs[i].count = 1 + w.lengths[i] - query;
    token += w.lengths[i];
  }
}

/** What was copied into the workspace: each query, unless it is the one that was read last, and then the pairs behind one another that have it. */
static void scorePairs(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int pairs, float* logits) {
  const TileScope scope(w.rows.usesTiles());
  float* const powers = w.rows.powers;
  findTexts(w, pairs);
  for (int i = 0, next; i < pairs; i = next) {
    const int32_t* query = w.tokens + w.pairs[i].firstToken;
    const int length = w.pairs[i].queryTokens;
    if (!isRead(w.query, query, length)) readQuery(weights, shape, w, query, length);
    w.rows.powers = powers;  // the rows of both texts count, from the first norm on
    for (next = i + 1; next < pairs && isRead(w.query, w.tokens + w.pairs[next].firstToken, w.pairs[next].queryTokens);) next++;
    scoreGroup(weights, shape, w, w.pairs + i, next - i, logits + i);
    w.rows.powers = powers;
  }
}
