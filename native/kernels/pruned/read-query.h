// Reads a query, once for all the pairs that have it: keys and values that the document's [CLS] attends to, vectors that are matched, and the sentence vector.
#pragma once
#include "../bert/int8-layer.h"
#include "match-head.h"
#include "pruned-attention.h"
#include "pruned-embedding.h"

static bool isRead(const QueryState& query, const int32_t* pieces, int length) {
  return *query.length == length && memcmp(query.pieces, pieces, (size_t)length * sizeof(int32_t)) == 0;
}

/** The keys and values of a layer go to where they are kept. Returns the queries. */
static const AttentionNumber* projectQuery(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int index, int length) {
  const PrunedLayer& layer = weights.layers[index];
  const size_t size = (size_t)shape.hidden * (size_t)length;
  AttentionNumber* kept = w.query.keyValues + (size_t)index * 2 * size;
  if (index == 0) {
    AttentionInputSink<QuantizedAttention> queries{w.queries, (size_t)length}, keyValues{kept, (size_t)length};
    w.rows.multiplyHidden(length, layer.query, queries);
    w.rows.multiplyHidden(length, layer.keyValue, keyValues);
    return w.queries;
  }
  AttentionInputSink<QuantizedAttention> sink{w.attentionInput, (size_t)length};
  w.rows.multiplyHidden(length, layer.attentionInput, sink);
  memcpy(kept, w.attentionInput + size, 2 * size * sizeof(AttentionNumber));
  return w.attentionInput;
}

/** The unit vector of the rows' projected mean. */
static void readSentence(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int length) {
  const size_t size = (size_t)shape.hidden;
  const Floats count = splat((float)length);
  for (size_t d = 0; d < size; d += 16) {
    Floats sum = zeros();
    for (int i = 0; i < length; i++) sum = add(sum, load(w.hidden + (size_t)i * size + d));
    store(w.means + d, divide(sum, count));
  }
  StoreSink sentence{w.query.sentence, size};
  multiplyFloatRows({w.means, size}, 1, weights.sentence, sentence);
  const Floats whole = splat(lengthOf(w.query.sentence, shape.hidden));
  for (size_t d = 0; d < size; d += 16) store(w.query.sentence + d, divide(load(w.query.sentence + d), whole));
}

/** Uses the workspace's rows: pairs must not be under way. */
static void readQuery(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, const int32_t* pieces, int length) {
  for (int i = 0; i < length; i++) {
    w.query.pieces[i] = w.pieces[i] = pieces[i];
    w.places[i] = i;
  }
  *w.query.length = length;
  embed(weights, shape, w, length);
  for (int i = 0; i < shape.layers; i++) {
    const AttentionNumber* queries = projectQuery(weights, shape, w, i, length);
    attendWithinQuery(shape, w, queries, {w.query.keyValuesOf(shape, i), length});
    finishLayer(weights.layers[i], w.rows, w.unfinished, w.context, w.hidden, length, isForHeadAlone(shape, i));
    if (i == 0) projectVectors(weights, shape, w, length, w.query.vectors);
  }
  readSentence(weights, shape, w, length);
}
