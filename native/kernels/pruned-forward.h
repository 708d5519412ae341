// The forward pass of the package's own cross-encoder.
#pragma once
#include "int8-layer.h"
#include "match-head.h"
#include "pruned-attention.h"
#include "token-choice.h"

/** Orders the tokens and chooses those that go on. Returns how many do. */
static int planPairs(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int pairs) {
  int start = 0, keptRows = 0;
  for (int i = 0; i < pairs; i++) {
    PairRows& pair = w.pairs[i];
    pair.start = start;
    pair.count = w.lengths[i];
    start += pair.count;
    orderTokens(w, pair, shape);
    countPieces(w, pair, shape, weights);
    keptRows = chooseTokens(w, pair, shape, keptRows);
  }
  return keptRows;
}

static void embed(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int rows) {
  const size_t size = (size_t)shape.hidden, half = size / 2;
  constexpr int AHEAD = 4;  // rows of the vocabulary are anywhere in memory, so they are fetched some tokens before they are read
  const Integers low = _mm512_set1_epi32(15), shift = _mm512_set1_epi32(8);
  for (int t = 0; t < rows; t++) {
    if (t + AHEAD < rows) {
      const char* next = (const char*)(weights.words + (size_t)w.pieces[t + AHEAD] * half);
      for (size_t i = 0; i < half; i += 64) _mm_prefetch(next + i, _MM_HINT_T0);
    }
    const uint8_t* word = weights.words + (size_t)w.pieces[t] * half;
    const float* place = weights.positions + (size_t)w.places[t] * size;
    const Floats scale = splat(weights.wordScales[w.pieces[t]]);
    Floats sum = zeros();
    for (size_t i = 0; i < half; i += 16) {
      const Integers both = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)(word + i)));
      const Floats first = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_and_si512(both, low), shift));
      const Floats second = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_srli_epi32(both, 4), shift));
      const Floats a = add(multiply(first, scale), load(place + i)), b = add(multiply(second, scale), load(place + half + i));
      sum = add(sum, add(a, b));
      store(w.unfinished + i, a);
      store(w.unfinished + half + i, b);
    }
    float* row = w.hidden + (size_t)t * size;
    normalizeRows<1>(w.unfinished, &sum, weights.embeddingNorm, row);
    w.rows.quantize((size_t)t, row, weights.embeddingNorm);
  }
  w.rows.measure(w.hidden, rows, shape.hidden);
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
static void runFirstLayer(const PrunedLayer& layer, const PrunedShape& shape, PrunedWorkspace& w, int pairs, int tokens, int keptRows) {
  AttentionInputSink<Bfloat16> keyValues{w.attentionInput, (size_t)tokens};
  multiplyRows<HIDDEN_STRIDE>(w.rows.hidden, w.rows.hiddenScales, tokens, layer.keyValue, keyValues);
  gatherKept(shape, w, keptRows);
  AttentionInputSink<Bfloat16> queries{w.queries, (size_t)keptRows};
  multiplyRows<HIDDEN_STRIDE>(w.rows.hidden, w.rows.hiddenScales, keptRows, layer.query, queries);
  const Projections from = {w.queries, (size_t)keptRows, w.attentionInput, (size_t)tokens};
  for (int i = 0; i < pairs; i++) {
    const PairRows& pair = w.pairs[i];
    attendWithinTexts(shape, w, from, {pair.keptStart, pair.keptCount, pair.start, pair.count}, pair.query);
  }
  finishLayer(layer, w.rows, w.unfinished, w.context, w.hidden, keptRows, false);
}

static void runLayer(const PrunedLayer& layer, const PrunedShape& shape, PrunedWorkspace& w, int pairs, int rows) {
  AttentionInputSink<Bfloat16> sink{w.attentionInput, (size_t)rows};
  multiplyRows<HIDDEN_STRIDE>(w.rows.hidden, w.rows.hiddenScales, rows, layer.attentionInput, sink);
  const Projections from = {w.attentionInput, (size_t)rows, w.attentionInput + (size_t)rows * (size_t)shape.hidden, (size_t)rows};
  for (int i = 0; i < pairs; i++) {
    const PairRows& pair = w.pairs[i];
    attendWithinTexts(shape, w, from, {pair.keptStart, pair.keptCount, pair.keptStart, pair.keptCount}, pair.query);
  }
  finishLayer(layer, w.rows, w.unfinished, w.context, w.hidden, rows, false);
}

static void matchQueries(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int pairs, int rows) {
  UnitVectorSink vectors{w.context, shape.hidden, {}};
  multiplyRows<HIDDEN_STRIDE>(w.rows.hidden, w.rows.hiddenScales, rows, weights.project, vectors);
  for (int i = 0; i < pairs; i++) w.pairs[i].matched = matchQuery(w.pairs[i], w.context, w.kept, weights.importance, shape.hidden);
}

/** What was copied into the workspace. */
static void scorePairs(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int pairs, int tokens, float* logits) {
  const int rows = planPairs(weights, shape, w, pairs);
  embed(weights, shape, w, tokens);
  runFirstLayer(weights.layers[0], shape, w, pairs, tokens, rows);
  matchQueries(weights, shape, w, pairs, rows);
  for (int i = 1; i < shape.layers; i++) runLayer(weights.layers[i], shape, w, pairs, rows);
  for (int i = 0; i < pairs; i += HEAD_PAIRS) {
    const int count = pairs - i < HEAD_PAIRS ? pairs - i : HEAD_PAIRS;
    finishPairs(weights, shape, w, w.pairs + i, count, logits + i);
  }
}
