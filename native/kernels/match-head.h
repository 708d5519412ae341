// The head of the package's own cross-encoder (training/cross_encoder.py, MatchHead), in float32: late-interaction matches of the first layer's vectors (O. Khattab and
// M. Zaharia, 2020, arXiv:2004.12832), the cosine of both texts' mean vectors, and what [CLS] says.
#pragma once
#include "pruned-weights.h"
#include "pruned-workspace.h"

/** Unit vectors of the rows that a product gives. */
struct UnitVectorSink {
  float* out;
  int size;
  Floats squares[BLOCK_ROWS];

  ALWAYS_INLINE void put(int first, int r, int output, const Floats (&values)[2]) {
    float* to = out + (size_t)(first + r) * (size_t)size + output;
    store(to, values[0]);
    store(to + 16, values[1]);
    const Floats square = multiplyAdd(values[0], values[0], multiply(values[1], values[1]));
    squares[r] = output ? add(squares[r], square) : square;
  }
  template <int ROWS>
  ALWAYS_INLINE void finish(int first) {
    for (int r = 0; r < ROWS; r++) {
      float* row = out + (size_t)(first + r) * (size_t)size;
      const float square = _mm512_reduce_add_ps(squares[r]);
      // The difference is zero, or NaN where a value is not finite.
      const Floats factor = splat(1.f / larger(squareRoot(square), 1e-12f) + (square - square));
      for (int i = 0; i < size; i += 16) store(row + i, multiply(load(row + i), factor));
    }
  }
};

/** The best cosine of each of ROWS vectors with `count` others. */
template <int ROWS>
static ALWAYS_INLINE void findBest(const float* rows, const float* others, int count, int size, float* best) {
  // Without a document the graph's maximum is a token's cosine with itself, less the 4 that keeps the query's own out.
  for (int r = 0; r < ROWS; r++) best[r] = -3.f;
  for (int i = 0; i < count; i++) {
    const float* other = others + (size_t)i * (size_t)size;
    Floats sums[ROWS];
    UNROLL for (int r = 0; r < ROWS; r++) sums[r] = zeros();
    for (int d = 0; d < size; d += 16) {
      const Floats value = load(other + d);
      UNROLL for (int r = 0; r < ROWS; r++) sums[r] = multiplyAdd(value, load(rows + (size_t)r * (size_t)size + d), sums[r]);
    }
    UNROLL for (int r = 0; r < ROWS; r++) {
      const float found = _mm512_reduce_add_ps(sums[r]);
      if (!(found <= best[r])) best[r] = found;  // what is not a number stays, whatever follows
    }
  }
}

/** The mean of the query tokens' best cosines, weighted by importance. `vectors` are of kept rows. */
static float matchQuery(const PairRows& pair, const float* vectors, const int32_t* pieces, const float* importance, int size) {
  const float *query = vectors + (size_t)pair.keptStart * (size_t)size, *document = query + (size_t)(pair.query + 1) * (size_t)size;
  const int count = pair.keptCount - pair.query - 1;
  float total = 0, mass = 0, best[4];
  for (int i = 0; i < pair.query; i += 4) {
    const int rows = pair.query - i < 4 ? pair.query - i : 4;
    // Past the query's last token are [CLS] and others of the run, whose cosines are left alone.
    if (rows == 4) {
      findBest<4>(query + (size_t)i * (size_t)size, document, count, size, best);
    } else {
      for (int r = 0; r < rows; r++) findBest<1>(query + (size_t)(i + r) * (size_t)size, document, count, size, best + r);
    }
    for (int r = 0; r < rows; r++) {
      const float weight = importance[pieces[pair.keptStart + i + r]];
      total += weight * best[r];
      mass += weight;
    }
  }
  return total / (mass > 1e-6f ? mass : 1e-6f);
}

/** Means of the query's rows, [CLS] among them, and of the document's, weighted by importance. */
static void meanRows(const PairRows& pair, const float* hidden, const int32_t* pieces, const float* importance, int size, float* query, float* document) {
  const int members = pair.query + 1;
  float mass = 0;
  for (int i = members; i < pair.keptCount; i++) mass += importance[pieces[pair.keptStart + i]];
  const Floats inQuery = splat((float)members), inDocument = splat(mass > 1e-6f ? mass : 1e-6f);
  for (int d = 0; d < size; d += 16) {
    const float* at = hidden + (size_t)pair.keptStart * (size_t)size + d;
    Floats sum = zeros(), weighted = zeros();
    int i = 0;
    for (; i < members; i++, at += size) sum = add(sum, load(at));
    for (; i < pair.keptCount; i++, at += size) weighted = multiplyAdd(splat(importance[pieces[pair.keptStart + i]]), load(at), weighted);
    store(query + d, _mm512_div_ps(sum, inQuery));
    store(document + d, _mm512_div_ps(weighted, inDocument));
  }
}

static float cosine(const float* a, const float* b, int size) {
  Floats product = zeros(), squaresA = zeros(), squaresB = zeros();
  for (int d = 0; d < size; d += 16) {
    const Floats x = load(a + d), y = load(b + d);
    product = multiplyAdd(x, y, product);
    squaresA = multiplyAdd(x, x, squaresA);
    squaresB = multiplyAdd(y, y, squaresB);
  }
  const float lengthA = larger(squareRoot(_mm512_reduce_add_ps(squaresA)), 1e-12f), lengthB = larger(squareRoot(_mm512_reduce_add_ps(squaresB)), 1e-12f);
  return _mm512_reduce_add_ps(product) / lengthA / lengthB;
}

/** Logits of up to HEAD_PAIRS pairs. */
static void finishPairs(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, const PairRows* pairs, int count, float* logits) {
  const size_t size = (size_t)shape.hidden;
  for (int i = 0; i < count; i++) {
    meanRows(pairs[i], w.hidden, w.kept, weights.importance, shape.hidden, w.means + 2 * (size_t)i * size, w.means + (2 * (size_t)i + 1) * size);
    memcpy(w.firstRows + (size_t)i * size, w.hidden + (size_t)(pairs[i].keptStart + pairs[i].query) * size, size * sizeof(float));
  }
  StoreSink sentenceRows{w.sentences, size}, pooledRows{w.pooled, size};
  multiplyFloatRows({w.means, size}, 2 * count, weights.sentence, sentenceRows);
  multiplyFloatRows({w.firstRows, size}, count, weights.pooler, pooledRows);
  for (int i = 0; i < count; i++) {
    const float *sentences = w.sentences + 2 * (size_t)i * size, *pooled = w.pooled + (size_t)i * size;
    const float alike = cosine(sentences, sentences + size, shape.hidden);
    Floats sum = zeros();
    for (size_t d = 0; d < size; d += 16) sum = multiplyAdd(hyperbolicTangent(load(pooled + d)), load(weights.classifier + d), sum);
    const float first = _mm512_reduce_add_ps(sum) + shape.classifierBias;
    logits[i] = shape.bias + pairs[i].matched * shape.matched + alike * shape.alike + first * shape.first + pairs[i].lexical;
  }
}
