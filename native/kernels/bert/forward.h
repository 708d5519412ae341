// The forward pass, in either arithmetic: `Kind` is that of int8-arithmetic.h or of float32-arithmetic.h.
#pragma once
#include <string.h>

#include "../attention/attend-rows.h"
#include "last-attention.h"
#include "../vectors/tiles.h"
#include "weights.h"
#include "workspace.h"

template <class Kind>
static void embed(const Weights<Kind>& weights, const Shape& shape, Workspace<Kind>& w, int pairs, int tokens) {
  const size_t size = (size_t)shape.hidden;
  constexpr int AHEAD = 4;  // rows of the vocabulary are anywhere in memory, so they are fetched some tokens before they are read
  // RoBERTa counts positions from the one after the padding's id, which is the position of padding that stands within a text; it is not counted.
  const int padding = shape.positionOffset - 1;
  int t = 0, row = 0;
  for (int pair = 0; pair < pairs; pair++) {
    int position = padding;
    for (const int end = t + w.lengths[pair]; t < end; t++, row++) {
      const bool isPadding = shape.positionOffset > 0 && w.tokens[t] == padding;
      if (!isPadding) position++;
      if (t + AHEAD < tokens && !shape.hasWordsFile) {
        const char* next = (const char*)(weights.words + (size_t)w.tokens[t + AHEAD] * size);
        for (size_t i = 0; i < size * sizeof(*weights.words); i += 64) _mm_prefetch(next + i, _MM_HINT_T0);
      }
      const auto* word = weights.words + (size_t)w.tokens[t] * size;
      const float* read = w.words + (size_t)t * size;
      const float* place = weights.positions + (size_t)(isPadding ? padding : position) * size;
      const float* type = weights.types + (size_t)w.types[t] * size;
      Floats sum = zeros();
      for (size_t i = 0; i < size; i += 16) {
        const Floats x = add(add(shape.hasWordsFile ? load(read + i) : Kind::loadWords(word + i), load(place + i)), load(type + i));
        sum = add(sum, x);
        store(w.unfinished + i, x);
      }
      float* states = w.hidden + (size_t)row * size;
      normalizeRows<1>(w.unfinished, &sum, weights.embeddingNorm, states);
      w.rows.quantize((size_t)row, states, weights.embeddingNorm);
    }
    // Padding is the same in every run: attention leaves its row of the context alone.
    for (int left = Kind::rowsOf(w.lengths[pair]) - w.lengths[pair]; left > 0; left--, row++) {
      memset(w.hidden + (size_t)row * size, 0, size * sizeof(float));
      memset(w.context + (size_t)row * size, 0, size * sizeof(float));
    }
  }
  w.rows.measure(w.hidden, row, shape.hidden);
}

template <class Kind>
static void attendWithin(const Shape& shape, Workspace<Kind>& w, int start, int length, int allRows) {
  using Numbers = typename Kind::Numbers;
  const int halves = shape.hidden / shape.heads / HALF;
  const size_t half = (size_t)allRows * HALF, rows = (size_t)start * HALF, packedHalf = (size_t)((length + 31) / 32 * 32) * HALF;
  const bool isShort = longestText(shape) <= SHORT_LENGTH, usesTiles = w.rows.usesTiles();
  AttentionHead<Numbers> head;
  head.queryHalf = half;
  head.keys = w.keys;
  head.length = length;
  head.scores = w.scores;
  head.shares = w.shares;
  head.outStride = (size_t)shape.hidden;
  for (int h = 0; h < shape.heads; h++) {
    const size_t first = (size_t)(h * halves), all = (size_t)(shape.heads * halves);
    const auto *keys = w.attentionInput + (all + first) * half + rows, *values = keys + all * half;
    head.queries = w.attentionInput + first * half + rows;
    head.out = w.context + (size_t)start * head.outStride + first * HALF;
    packKeys(keys, half, halves, length, w.keys);
    for (int i = 0; i < halves; i++) head.values[i] = Numbers::packValues(values + (size_t)i * half, length, w.values + (size_t)i * packedHalf);
    if (halves == 1) {
      isShort ? attendRows<1, SHORT_STRIDE>(head, 0, length, usesTiles) : attendRows<1, LONG_STRIDE>(head, 0, length, usesTiles);
    } else {
      isShort ? attendRows<2, SHORT_STRIDE>(head, 0, length, usesTiles) : attendRows<2, LONG_STRIDE>(head, 0, length, usesTiles);
    }
  }
}

template <class Kind>
static void runLayer(const EncoderLayer<typename Kind::Matrix>& layer, const Shape& shape, Workspace<Kind>& w, int pairs, int rows, bool isLast) {
  AttentionInputSink<typename Kind::Numbers> sink{w.attentionInput, (size_t)rows};
  Kind::multiplyHidden(w, rows, layer.attentionInput, sink);
  for (int pair = 0, start = 0; pair < pairs; start += Kind::rowsOf(w.lengths[pair++])) attendWithin(shape, w, start, w.lengths[pair], rows);
  Kind::finishLayer(layer, w, w.context, w.hidden, rows, isLast);
}

template <class Kind>
static void runHead(const Weights<Kind>& weights, const Shape& shape, Workspace<Kind>& w, int count, float* logits) {
  const size_t size = (size_t)shape.hidden;
  StoreSink dense{w.lastContext, size};
  multiplyFloatRows({w.lastRows, size}, count, weights.headDense, dense);
  for (size_t i = 0; i < (size_t)count; i++) {
    float* row = w.lastContext + i * size;
    for (size_t d = 0; d < size; d += 16) {
      const Floats x = load(row + d);
      store(row + d, shape.headActivation == HeadActivation::tanh ? hyperbolicTangent(x) : preciseGelu(x));
    }
    for (size_t label = 0; label < (size_t)shape.labels; label++) {
      Floats sum = zeros();
      for (size_t d = 0; d < size; d += 16) sum = multiplyAdd(load(row + d), load(weights.headWeights + label * size + d), sum);
      logits[i * (size_t)shape.labels + label] = sumOf(sum) + weights.headBiases[label];
    }
  }
}

/** The mean of each text's rows. */
template <class Kind>
static void averageRows(const Shape& shape, const Workspace<Kind>& w, int texts, float* means) {
  const size_t size = (size_t)shape.hidden;
  const float* states = w.hidden;
  for (int text = 0; text < texts; text++, means += size) {
    const int length = w.lengths[text];
    const Floats part = splat(1.f / (float)length);
    for (size_t d = 0; d < size; d += 16) {
      Floats sum = zeros();
      for (int t = 0; t < length; t++) sum = add(sum, load(states + (size_t)t * size + d));
      store(means + d, multiply(sum, part));
    }
    states += (size_t)Kind::rowsOf(length) * size;
  }
}

/** The last layer, and the head where there is one, for a few pairs at a time, whose first rows are gathered. */
template <class Kind>
static void finishPairs(const Weights<Kind>& weights, const Shape& shape, Workspace<Kind>& w, int pairs, float* outputs) {
  const size_t size = (size_t)shape.hidden;
  int start = 0;
  for (int pair = 0; pair < pairs;) {
    const int32_t* lengths = w.lengths + pair;
    int starts[LAST_ROWS], count = 0;
    for (; count < LAST_ROWS && pair < pairs; count++, pair++) {
      starts[count] = start;
      memcpy(w.lastRows + (size_t)count * size, w.hidden + (size_t)start * size, size * sizeof(float));
      start += Kind::rowsOf(w.lengths[pair]);
    }
    attendFromFirstRows(weights.last, shape, w, starts, lengths, count);
    Kind::finishLayer(weights.lastLayer, w, w.lastContext, w.lastRows, count, true);
    float* out = outputs + (size_t)(pair - count) * (size_t)outputsOf(shape);
    if (shape.output == Output::logits) {
      runHead(weights, shape, w, count, out);
    } else {
      memcpy(out, w.lastRows, (size_t)count * size * sizeof(float));
    }
  }
}

/** The outputs of a run that was checked and copied to the workspace. */
template <class Kind>
static void forward(const Weights<Kind>& weights, const Shape& shape, Workspace<Kind>& w, int pairs, int tokens, float* outputs) {
  const TileScope scope(w.rows.usesTiles());
  embed(weights, shape, w, pairs, tokens);
  int rows = 0;
  for (int pair = 0; pair < pairs; pair++) rows += Kind::rowsOf(w.lengths[pair]);
  for (int i = 0; i < weights.wholeLayers; i++) runLayer(weights.layers[i], shape, w, pairs, rows, i == shape.layers - 1);
  if (shape.output == Output::mean) {
    averageRows(shape, w, pairs, outputs);
  } else {
    finishPairs(weights, shape, w, pairs, outputs);
  }
}
