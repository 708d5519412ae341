// The first states of rows whose pieces and positions are in the workspace.
#pragma once
#include "pruned-weights.h"
#include "pruned-workspace.h"

static void embed(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int rows) {
  const size_t size = (size_t)shape.hidden, half = size / 2;
  constexpr int AHEAD = 4;  // rows of the vocabulary are anywhere in memory, so they are fetched some tokens before they are read
  const Integers low = splat(15), shift = splat(8);
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
      const Integers both = loadBytes(word + i);
      const Floats first = toFloats(subtract(bitwiseAnd(both, low), shift));
      const Floats second = toFloats(subtract(shiftRight<4>(both), shift));
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
