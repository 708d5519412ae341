// The head of the package's own cross-encoder (training/cross_encoder.py, MatchHead), in float32: late-interaction matches of the first layer's vectors (O. Khattab and
// M. Zaharia, 2020, arXiv:2004.12832), the cosine of both texts' mean vectors, and what the document's [CLS] says.
#pragma once
#include "pruned-weights.h"
#include "pruned-workspace.h"

/** Unit vectors of the rows that a product gives. */
struct UnitVectorSink {
  float* out;
  int size;
  Floats squares[GROUP_ROWS];

  ALWAYS_INLINE void put(int first, int r, int output, const Floats (&values)[2]) {
    float* to = out + (size_t)(first + r) * (size_t)size + output;
    store(to, values[0]);
    store(to + 16, values[1]);
    const Floats square = multiplyAdd(values[0], values[0], multiply(values[1], values[1]));
    squares[r] = output ? add(squares[r], square) : square;
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int first, int from) {
    for (int r = from; r < from + ROWS; r++) {
      float* row = out + (size_t)(first + r) * (size_t)size;
      const float square = sumOf(squares[r]);
      // The difference is zero, or NaN where a value is not finite.
      const Floats factor = splat(1.f / larger(squareRoot(square), 1e-12f) + (square - square));
      for (int i = 0; i < size; i += 16) store(row + i, multiply(load(row + i), factor));
    }
  }
};

/** Of the rows that the first layer left. */
static void projectVectors(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int rows, float* out) {
  UnitVectorSink vectors{out, shape.hidden, {}};
  w.rows.multiplyHidden(rows, weights.project, vectors);
}

/** The best cosine of each of MATCH_ROWS vectors with `count` others. */
static void findBest(const float* rows, const float* others, int count, int size, float (&best)[MATCH_ROWS]) {
  // Without a document the graph's maximum is a token's cosine with itself, less the 4 that keeps the query's own out.
  for (int r = 0; r < MATCH_ROWS; r++) best[r] = -3.f;
  for (int i = 0; i < count; i++) {
    const float* other = others + (size_t)i * (size_t)size;
    Floats sums[MATCH_ROWS];
    UNROLL for (int r = 0; r < MATCH_ROWS; r++) sums[r] = zeros();
    for (int d = 0; d < size; d += 16) {
      const Floats value = load(other + d);
      UNROLL for (int r = 0; r < MATCH_ROWS; r++) sums[r] = multiplyAdd(value, load(rows + (size_t)r * (size_t)size + d), sums[r]);
    }
    UNROLL for (int r = 0; r < MATCH_ROWS; r++) {
      const float found = sumOf(sums[r]);
      if (!(found <= best[r])) best[r] = found;  // what is not a number stays, whatever follows
    }
  }
}

/** The mean of the query tokens' best cosines with a document's vectors, weighted by importance. */
static float matchQuery(const QueryState& query, const float* document, int count, const float* importance, int size) {
  const int length = *query.length;
  float total = 0, mass = 0, best[MATCH_ROWS];
  for (int i = 0; i < length; i += MATCH_ROWS) {
    findBest(query.vectors + (size_t)i * (size_t)size, document, count, size, best);
    // Behind the query's last token is whatever was left there, whose cosines nobody reads.
    for (int r = 0; r < MATCH_ROWS && i + r < length; r++) {
      const float weight = importance[query.pieces[i + r]];
      total += weight * best[r];
      mass += weight;
    }
  }
  return total / (mass > 1e-6f ? mass : 1e-6f);
}

/** The mean of a document's rows, weighted by importance. */
static void meanRow(const PairRows& pair, const float* hidden, const int32_t* pieces, const float* importance, int size, float* mean) {
  const int end = pair.keptStart + pair.keptCount;
  float mass = 0;
  for (int i = pair.keptStart + 1; i < end; i++) mass += importance[pieces[i]];
  const Floats whole = splat(mass > 1e-6f ? mass : 1e-6f);
  for (int d = 0; d < size; d += 16) {
    Floats sum = zeros();
    for (int i = pair.keptStart + 1; i < end; i++) sum = multiplyAdd(splat(importance[pieces[i]]), load(hidden + (size_t)i * (size_t)size + d), sum);
    store(mean + d, divide(sum, whole));
  }
}

static float dotProduct(const float* a, const float* b, int size) {
  Floats sum = zeros();
  for (int d = 0; d < size; d += 16) sum = multiplyAdd(load(a + d), load(b + d), sum);
  return sumOf(sum);
}

static float lengthOf(const float* row, int size) { return larger(squareRoot(dotProduct(row, row, size)), 1e-12f); }

/** Logits of up to HEAD_PAIRS pairs. */
static void finishPairs(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, const PairRows* pairs, int count, float* logits) {
  const size_t size = (size_t)shape.hidden;
  for (int i = 0; i < count; i++) {
    meanRow(pairs[i], w.hidden, w.kept, weights.importance, shape.hidden, w.means + (size_t)i * size);
    memcpy(w.firstRows + (size_t)i * size, w.hidden + (size_t)pairs[i].keptStart * size, size * sizeof(float));
  }
  StoreSink sentenceRows{w.sentences, size}, pooledRows{w.pooled, size};
  multiplyFloatRows({w.means, size}, count, weights.sentence, sentenceRows);
  multiplyFloatRows({w.firstRows, size}, count, weights.pooler, pooledRows);
  for (int i = 0; i < count; i++) {
    const float *sentence = w.sentences + (size_t)i * size, *pooled = w.pooled + (size_t)i * size;
    const float alike = dotProduct(w.query.sentence, sentence, shape.hidden) / lengthOf(sentence, shape.hidden);
    Floats sum = zeros();
    for (size_t d = 0; d < size; d += 16) sum = multiplyAdd(hyperbolicTangent(load(pooled + d)), load(weights.classifier + d), sum);
    const float first = sumOf(sum) + shape.classifierBias;
    logits[i] = shape.bias + pairs[i].matched * shape.matched + alike * shape.alike + first * shape.first + pairs[i].lexical;
  }
}
