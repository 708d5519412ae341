// Attention of a ModernBERT's texts, head by head: of global layers to all of a text, of local ones to what is within reach.
#pragma once
#include "../attention/attend-rows.h"
#include "../attention/attention-window.h"
#include "modernbert-weights.h"
#include "modernbert-workspace.h"

/** Queries, and keys with the values behind them: [half][row][32], each with its own number of rows. */
template <class Numbers>
struct AttentionInput {
  const typename Numbers::Number* queries;
  size_t queryRows;
  const typename Numbers::Number* keyValues;
  size_t rows;
};

/** Of one text: its rows among the queries, which are its first ones, and among the keys. */
struct TextRows {
  int firstQuery, queries;
  int first, length;
};

template <class Kind>
static RotarySink<typename Kind::Numbers> rotarySink(const ModernbertWeights<Kind>& weights, const ModernbertShape& shape, ModernbertWorkspace<Kind>& w, int layer, int rows,
                                                     int turned) {
  const float* angles = shape.isGlobal[layer] ? weights.globalAngles : weights.localAngles;
  return {{w.attentionInput, (size_t)rows}, w.places, angles, shape.hidden / shape.heads / HALF, turned};
}

/** One row is too few for tiles, and they do not know of a reach. */
template <int HALVES, class Numbers>
static void attendText(const AttentionHead<Numbers>& head, const ModernbertShape& shape, int layer, int queries, bool usesTiles) {
  if (!shape.isGlobal[layer] && head.length > shape.reach + 1) {
    attendRowsWithinReach<HALVES, LONG_STRIDE>(head, 0, queries, shape.reach);
  } else {
    attendRows<HALVES, LONG_STRIDE>(head, 0, queries, usesTiles && queries > 1);
  }
}

template <class Kind>
static void attendHeads(const ModernbertShape& shape, ModernbertWorkspace<Kind>& w, const AttentionInput<typename Kind::Numbers>& input, int layer, const TextRows& text) {
  using Numbers = typename Kind::Numbers;
  const size_t halves = (size_t)(shape.hidden / shape.heads / HALF), half = input.rows * HALF;
  const size_t packedHalf = (size_t)((text.length + 31) / 32 * 32) * HALF;
  AttentionHead<Numbers> head;
  head.queryHalf = input.queryRows * HALF;
  head.keys = w.keys;
  head.length = text.length;
  head.scores = w.scores;
  head.shares = w.shares;
  head.outStride = (size_t)shape.hidden;
  for (size_t first = 0; first < (size_t)shape.heads * halves; first += halves) {
    const auto *keys = input.keyValues + first * half + (size_t)text.first * HALF, *values = keys + (size_t)shape.heads * halves * half;
    head.queries = input.queries + first * head.queryHalf + (size_t)text.firstQuery * HALF;
    head.out = w.context + (size_t)text.firstQuery * head.outStride + first * HALF;
    packKeys(keys, half, (int)halves, text.length, w.keys);
    for (size_t i = 0; i < halves; i++) head.values[i] = Numbers::packValues(values + i * half, text.length, w.values + i * packedHalf);
    if (halves == 1) {
      attendText<1>(head, shape, layer, text.queries, w.rows.usesTiles());
    } else {
      attendText<2>(head, shape, layer, text.queries, w.rows.usesTiles());
    }
  }
}
