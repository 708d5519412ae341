// The last layer's attention. The head reads the first row alone, so there is one query: its scores are q (W_k x + b_k) = (W_k^T q) x + a constant that softmax drops,
// and its result W_v (sum of shares x) + b_v. So keys and values of the other rows are never made; float32 throughout.
#pragma once
#include "../vectors/exponential.h"
#include "weights.h"
#include "workspace.h"

/** Shares of every token for HEADS heads, and the mix of hidden states that they make. `looks` and `mixes` are [head][hidden]. */
template <int HEADS>
static void mixHiddenStates(const float* states, int length, int size, const float* looks, float* mixes, float* scores, int stride) {
  for (int t = 0; t < length; t++) {
    const float* x = states + (size_t)t * (size_t)size;
    Floats sums[HEADS];
    UNROLL for (int h = 0; h < HEADS; h++) sums[h] = zeros();
    for (int d = 0; d < size; d += 16) {
      const Floats state = load(x + d);
      UNROLL for (int h = 0; h < HEADS; h++) sums[h] = multiplyAdd(state, load(looks + h * size + d), sums[h]);
    }
    UNROLL for (int h = 0; h < HEADS; h++) scores[h * stride + t] = sumOf(sums[h]);
  }
  for (int h = 0; h < HEADS; h++) {
    float* row = scores + h * stride;
    Floats top = splat(-__builtin_inff()), sum = zeros();
    for (int t = 0; t < length; t += 16) top = maximum(top, load(row + t), firstLanes(length - t));
    top = splat(largestOf(top));
    for (int t = 0; t < length; t += 16) {
      const Floats share = only(firstLanes(length - t), powerOfTwo(subtract(load(row + t), top)));
      sum = add(sum, share);
      store(row + t, share);
    }
    const Floats factor = splat(1.f / sumOf(sum));
    for (int t = 0; t < length; t += 16) store(row + t, multiply(load(row + t), factor));
  }
  for (int d = 0; d < size; d += 32) {
    Floats sums[HEADS][2];
    UNROLL for (int h = 0; h < HEADS; h++) sums[h][0] = sums[h][1] = zeros();
    for (int t = 0; t < length; t++) {
      const float* x = states + (size_t)t * (size_t)size + d;
      const Floats a = load(x), b = load(x + 16);
      UNROLL for (int h = 0; h < HEADS; h++) {
        const Floats share = splat(scores[h * stride + t]);
        sums[h][0] = multiplyAdd(share, a, sums[h][0]);
        sums[h][1] = multiplyAdd(share, b, sums[h][1]);
      }
    }
    UNROLL for (int h = 0; h < HEADS; h++) {
      store(mixes + h * size + d, sums[h][0]);
      store(mixes + h * size + d + 16, sums[h][1]);
    }
  }
}

/** Attention of the first rows of `count` texts, which begin at `starts`: `lastRows` in, `lastContext` out. */
template <class Kind>
static void attendFromFirstRows(const LastAttention& last, const Shape& shape, Workspace<Kind>& w, const int* starts, const int32_t* lengths, int count) {
  const int size = shape.hidden, heads = shape.heads, headSize = size / heads;
  const int stride = longestText(shape) <= SHORT_LENGTH ? SHORT_STRIDE : LONG_STRIDE;
  const size_t all = (size_t)size * (size_t)heads;
  StoreSink queries{w.lastQueries, (size_t)size};
  multiplyFloatRows({w.lastRows, (size_t)size}, count, last.query, queries);
  for (int h = 0; h < heads; h++) {
    StoreSink looks{w.lastLooks + h * size, all};
    multiplyFloatRows({w.lastQueries + h * headSize, (size_t)size}, count, last.keys[h], looks);
  }
  for (int i = 0; i < count; i++) {
    const float *states = w.hidden + (size_t)starts[i] * (size_t)size, *looks = w.lastLooks + (size_t)i * all;
    float* mixes = w.lastMixes + (size_t)i * all;
    int h = 0;
    for (; h + 12 <= heads; h += 12) mixHiddenStates<12>(states, lengths[i], size, looks + h * size, mixes + h * size, w.scores, stride);
    for (; h + 4 <= heads; h += 4) mixHiddenStates<4>(states, lengths[i], size, looks + h * size, mixes + h * size, w.scores, stride);
    for (; h < heads; h++) mixHiddenStates<1>(states, lengths[i], size, looks + h * size, mixes + h * size, w.scores, stride);
  }
  for (int h = 0; h < heads; h++) {
    StoreSink context{w.lastContext + h * headSize, (size_t)size};
    multiplyFloatRows({w.lastMixes + h * size, all}, count, last.values[h], context);
  }
}
