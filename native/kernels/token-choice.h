// Which tokens of a pair go on after the first layer, and BM25 of the pair, which counts the same pieces (S. Robertson and H. Zaragoza, 2009, "The Probabilistic
// Relevance Framework: BM25 and Beyond").
#pragma once
#include "pruned-weights.h"
#include "pruned-workspace.h"

/** Writes a pair's pieces and positions in the order of `PairRows`. A document's positions begin behind [CLS], as if it were read alone. */
static void orderTokens(PrunedWorkspace& w, PairRows& pair, const PrunedShape& shape) {
  const int32_t *tokens = w.tokens + pair.start, *types = w.types + pair.start;
  int32_t *pieces = w.pieces + pair.start, *places = w.places + pair.start;
  int document = 0;
  for (int i = 0; i < pair.count; i++) document += types[i];
  pair.query = pair.count - document - 1;
  pieces[pair.query] = tokens[0];
  places[pair.query] = 0;
  int nextQuery = 0, nextDocument = pair.query + 1;
  for (int i = 1; i < pair.count; i++) {
    const int row = types[i] ? nextDocument++ : nextQuery++;
    const int shifted = i - pair.query;  // behind the query's tokens and [CLS], and then one more
    pieces[row] = tokens[i];
    // The graph's `Gather` counts a negative position from the end of the table. No tokenizer puts a document before its query.
    places[row] = types[i] ? (shifted < 0 ? shifted + shape.positions : shifted) : i;
  }
}

/** Counts the query's pieces in the document: `wanted` of the document's tokens, and BM25. */
static void countPieces(PrunedWorkspace& w, PairRows& pair, const PrunedShape& shape, const PrunedWeights& weights) {
  const int32_t* query = w.pieces + pair.start;
  const int members = pair.query + 1, length = pair.count - members;  // [CLS] is one of the query's here
  const int32_t* document = query + members;
  __mmask16 found[MAX_PRUNED_POSITIONS / 16 + 1] = {};
  float sum = 0;
  for (int i = 0; i < members; i++) {
    const Integers piece = _mm512_set1_epi32(query[i]);
    int count = 0;
    for (int j = 0; j < length; j += 16) {
      const __mmask16 same = _mm512_mask_cmpeq_epi32_mask(laneMask(length - j), piece, _mm512_loadu_si512(document + j));
      found[j / 16] |= same;
      count += __builtin_popcount(same);
    }
    const float times = (float)count, room = (float)length * shape.lexicalSlope + shape.lexicalRoom;
    sum += weights.inverseFrequency[query[i]] * (times * shape.lexicalRise / (times + room) + shape.lexicalMass);
  }
  pair.lexical = sum;
  for (int j = 0; j < length; j++) {
    const float importance = weights.importance[document[j]];
    w.wanted[j] = ((found[j / 16] >> (j % 16)) & 1) ? importance * 2.f : importance;  // a piece that the query has too is this much more important
  }
}

/** Of equal ones the first go on, as ONNX's TopK has it. The rows that do keep their order. */
static int chooseTokens(PrunedWorkspace& w, PairRows& pair, const PrunedShape& shape, int keptRows) {
  const int members = pair.query + 1, length = pair.count - members;
  const int share = (length * shape.keepPercent + 99) / 100, least = length < shape.keepAtLeast ? length : shape.keepAtLeast;
  const int most = share > least ? share : least;
  const Integers lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  pair.keptStart = keptRows;
  for (int i = 0; i < members; i++) w.kept[keptRows++] = pair.start + i;
  for (int i = 0; i < length; i++) {
    const Floats own = splat(w.wanted[i]);
    int ahead = 0;
    for (int j = 0; j < length; j += 16) {
      const __mmask16 inside = laneMask(length - j);
      const Floats others = load(w.wanted + j);
      const __mmask16 before = _mm512_cmplt_epi32_mask(lanes, _mm512_set1_epi32(i - j));
      const __mmask16 larger = _mm512_mask_cmp_ps_mask(inside, others, own, _CMP_GT_OQ);
      const __mmask16 equal = _mm512_mask_cmp_ps_mask((__mmask16)(inside & before), others, own, _CMP_EQ_OQ);
      ahead += __builtin_popcount((unsigned)(larger | equal));
    }
    if (ahead < most) w.kept[keptRows++] = pair.start + members + i;
  }
  pair.keptCount = keptRows - pair.keptStart;
  return keptRows;
}
