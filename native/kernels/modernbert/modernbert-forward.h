// The forward pass of a ModernBERT; `Kind` is the arithmetic (modernbert-arithmetic.h).
#pragma once
#include "modernbert-attention.h"

template <class Kind>
static void embed(const ModernbertWeights<Kind>& weights, const ModernbertShape& shape, ModernbertWorkspace<Kind>& w, int pairs) {
  const size_t size = (size_t)shape.hidden;
  int row = 0;
  for (int pair = 0; pair < pairs; pair++) {
    for (int place = 0; place < w.lengths[pair]; place++, row++) {
      const auto* word = weights.words + (size_t)w.tokens[row] * size;
      const float* read = w.words + (size_t)row * size;
      float* states = w.hidden + (size_t)row * size;
      Floats sum = zeros();
      for (size_t i = 0; i < size; i += 16) {
        const Floats x = shape.hasWordsFile ? load(read + i) : Kind::loadWords(word + i);
        sum = add(sum, x);
        store(w.unfinished + i, x);
      }
      normalizeRows<1>(w.unfinished, &sum, weights.embeddingNorm, states);
      memcpy(w.normed + (size_t)row * size, states, size * sizeof(float));
      w.rows.quantize((size_t)row, states, weights.embeddingNorm);
      w.places[row] = place;
    }
  }
  w.rows.measure(w.hidden, row, shape.hidden);
}

template <class Kind>
static void runLayer(const ModernbertWeights<Kind>& weights, const ModernbertShape& shape, ModernbertWorkspace<Kind>& w, int index, int pairs, int rows) {
  const auto& layer = weights.layers[index];
  auto sink = rotarySink(weights, shape, w, index, rows, 2 * shape.hidden);
  Kind::multiplyNormed(w, rows, layer.attentionInput, sink);
  const size_t all = (size_t)rows * (size_t)shape.hidden;
  const AttentionInput<typename Kind::Numbers> input = {w.attentionInput, (size_t)rows, w.attentionInput + all, (size_t)rows};
  for (int pair = 0, start = 0; pair < pairs; start += w.lengths[pair++]) attendHeads(shape, w, input, index, {start, w.lengths[pair], start, w.lengths[pair]});
  Kind::finishLayer(layer, w, rows);
}

/** The last layer where the first row of each text alone is needed. These rows move to the front: a row only ever moves forwards. */
template <class Kind>
static void runLastLayer(const ModernbertWeights<Kind>& weights, const ModernbertShape& shape, ModernbertWorkspace<Kind>& w, int pairs, int rows) {
  const int index = shape.layers - 1;
  const auto& layer = weights.layers[index];
  const size_t size = (size_t)shape.hidden;
  auto keyValues = rotarySink(weights, shape, w, index, rows, shape.hidden);
  Kind::multiplyNormed(w, rows, layer.keyValue, keyValues);
  for (int pair = 0, start = 0; pair < pairs; start += w.lengths[pair++]) {
    if (pair == start) continue;
    memcpy(w.hidden + (size_t)pair * size, w.hidden + (size_t)start * size, size * sizeof(float));
    memcpy(w.normed + (size_t)pair * size, w.normed + (size_t)start * size, size * sizeof(float));
    Kind::moveRow(w, start, pair, size);
  }
  // The first place turns nothing.
  AttentionInputSink<typename Kind::Numbers> queries{w.attentionInput + 2 * size * (size_t)rows, (size_t)pairs};
  Kind::multiplyNormed(w, pairs, layer.query, queries);
  const AttentionInput<typename Kind::Numbers> input = {queries.out, (size_t)pairs, w.attentionInput, (size_t)rows};
  for (int pair = 0, start = 0; pair < pairs; start += w.lengths[pair++]) attendHeads(shape, w, input, index, {pair, 1, start, w.lengths[pair]});
  Kind::finishLayer(layer, w, pairs);
}

/** The mean of each text's rows, in place of the first rows. */
template <class Kind>
static void poolMeans(const ModernbertShape& shape, ModernbertWorkspace<Kind>& w, int pairs) {
  const size_t size = (size_t)shape.hidden;
  for (int pair = 0, start = 0; pair < pairs; start += w.lengths[pair++]) {
    const Floats factor = splat(1.f / (float)w.lengths[pair]);
    for (size_t d = 0; d < size; d += 16) {
      Floats sum = zeros();
      for (int t = 0; t < w.lengths[pair]; t++) sum = add(sum, load(w.normed + (size_t)(start + t) * size + d));
      store(w.normed + (size_t)pair * size + d, multiply(sum, factor));
    }
  }
}

/** Dense, activation, norm, classifier, of the first rows of `normed`. */
template <class Kind>
static void runHead(const ModernbertWeights<Kind>& weights, const ModernbertShape& shape, ModernbertWorkspace<Kind>& w, int pairs, float* logits) {
  const size_t size = (size_t)shape.hidden;
  StoreSink dense{w.context, size};
  multiplyFloatRows({w.normed, size}, pairs, weights.headDense, dense);
  for (size_t i = 0; i < (size_t)pairs; i++) {
    float* row = w.context + i * size;
    Floats total = zeros();
    for (size_t d = 0; d < size; d += 16) {
      const Floats x = load(row + d), active = shape.headActivation == ModernbertHeadActivation::gelu ? preciseGelu(x) : x;
      total = add(total, active);
      store(w.unfinished + d, active);
    }
    normalizeRows<1>(w.unfinished, &total, weights.headNorm, row);
    for (size_t label = 0; label < (size_t)shape.labels; label++) {
      Floats sum = zeros();
      for (size_t d = 0; d < size; d += 16) sum = multiplyAdd(load(row + d), load(weights.headWeights + label * size + d), sum);
      logits[i * (size_t)shape.labels + label] = sumOf(sum) + weights.headBiases[label];
    }
  }
}

/** The outputs of a run that was checked and copied to the workspace. */
template <class Kind>
static void forward(const ModernbertWeights<Kind>& weights, const ModernbertShape& shape, ModernbertWorkspace<Kind>& w, int pairs, int tokens, float* outputs) {
  const TileScope scope(w.rows.usesTiles());
  embed(weights, shape, w, pairs);
  const bool isCls = shape.pooling == Pooling::cls;
  const int whole = isCls ? shape.layers - 1 : shape.layers;
  for (int i = 0; i < whole; i++) runLayer(weights, shape, w, i, pairs, tokens);
  if (isCls) {
    runLastLayer(weights, shape, w, pairs, tokens);
  } else {
    poolMeans(shape, w, pairs);
  }
  if (shape.hasHead) {
    runHead(weights, shape, w, pairs, outputs);
  } else {
    memcpy(outputs, w.normed, (size_t)pairs * (size_t)shape.hidden * sizeof(float));
  }
}
