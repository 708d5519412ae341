// Which tokens of a document go on after the first layer, and BM25 of the pair, which counts the same pieces (S. Robertson and H. Zaragoza, 2009, "The Probabilistic
// Relevance Framework: BM25 and Beyond").
#pragma once
#include "pruned-weights.h"
#include "pruned-workspace.h"

/** Writes the pieces and positions of a pair's rows. Positions begin at the document's own [CLS], as if it were read alone. */
static void placeRows(PrunedWorkspace& w, const PairRows& pair) {
  const int32_t *tokens = w.tokens + pair.firstToken, *document = tokens + pair.queryTokens;
  int32_t *pieces = w.pieces + pair.start, *places = w.places + pair.start;
  pieces[0] = tokens[0];
  memcpy(pieces + 1, document, (size_t)(pair.count - 1) * sizeof(int32_t));
  for (int i = 0; i < pair.count; i++) places[i] = i;
}

/** Counts the query's pieces in the document: `wanted` of the document's tokens, and BM25. */
static void countPieces(PrunedWorkspace& w, PairRows& pair, const PrunedShape& shape, const PrunedWeights& weights) {
  const int length = pair.count - 1;
  const int32_t *query = w.query.pieces, *document = w.pieces + pair.start + 1;
  LaneBits found[MAX_PRUNED_POSITIONS / 16 + 1] = {};
  const float room = (float)length * shape.lexicalSlope + shape.lexicalRoom;
  float sum = 0;
  for (int i = 0; i < pair.queryTokens; i++) {
    const Integers piece = splat(query[i]);
    int count = 0;
    for (int j = 0; j < length; j += 16) {
      const LaneBits same = (LaneBits)(firstLanes(length - j) & areEqual(piece, loadIntegers(document + j)));
      found[j / 16] = (LaneBits)(found[j / 16] | same);
      count += __builtin_popcount(same);
    }
    const float times = (float)count;
    sum += weights.inverseFrequency[query[i]] * (times * shape.lexicalRise / (times + room) + shape.lexicalMass);
  }
  pair.lexical = sum;
  for (int j = 0; j < length; j++) {
    const float importance = weights.importance[document[j]];
    w.wanted[j] = ((found[j / 16] >> (j % 16)) & 1) ? importance * 2.f : importance;  // a piece that the query has too is this much more important
  }
}

/** How many of the document's tokens are wanted more than one: larger, or equal and before it, as ONNX's TopK has it. */
static int countAhead(const float* wanted, int length, int token) {
  const Integers lanes = laneNumbers();
  const Floats own = splat(wanted[token]);
  int ahead = 0;
  for (int j = 0; j < length; j += 16) {
    const LaneBits inside = firstLanes(length - j);
    const Floats others = load(wanted + j);
    const LaneBits before = areLess(lanes, splat(token - j));
    ahead += __builtin_popcount((unsigned)(inside & (areGreater(others, own) | (before & areEqual(others, own)))));
  }
  return ahead;
}

/** The rows that go on keep their order; [CLS] always does. Returns how many rows of the group do so far. */
static int chooseTokens(PrunedWorkspace& w, PairRows& pair, const PrunedShape& shape, int keptRows) {
  const int length = pair.count - 1;
  const int share = ((length - shape.keepUncounted) * shape.keepPercent + 99) / 100, least = length < shape.keepAtLeast ? length : shape.keepAtLeast;
  const int most = share > least ? share : least;
  pair.keptStart = keptRows;
  w.kept[keptRows++] = pair.start;
  for (int i = 0; i < length; i++) {
    if (most == length || countAhead(w.wanted, length, i) < most) w.kept[keptRows++] = pair.start + 1 + i;
  }
  pair.keptCount = keptRows - pair.keptStart;
  return keptRows;
}
