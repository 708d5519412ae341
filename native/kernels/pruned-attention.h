// Attention of a pair's two texts: each attends to itself and to [CLS], which attends to both. In the order of `PairRows` that is three ranges of rows with one range of
// columns each, so nothing is computed that a mask would drop.
#pragma once
#include "pruned-workspace.h"

/** A product's queries, keys and values: [panel][row][32], each with its own number of rows. */
struct Projections {
  const uint16_t* queries;
  size_t queryRows;
  const uint16_t* keyValues;
  size_t rows;
};

/** A pair's rows among the queries and among the keys. */
struct AttentionRange {
  int firstQuery, queries;
  int firstKey, keys;
};

/** `count` rows from `first` on. */
static void attendRows(const AttentionHead<Bfloat16>& head, int first, int count) {
  int at = first;
  const int end = first + count;
  for (; at + 12 <= end; at += 12) attend<12, 1, SHORT_STRIDE>(head, at);
  if (at + 8 <= end) attend<8, 1, SHORT_STRIDE>(head, at), at += 8;
  if (at + 6 <= end) attend<6, 1, SHORT_STRIDE>(head, at), at += 6;
  if (at + 4 <= end) attend<4, 1, SHORT_STRIDE>(head, at), at += 4;
  if (at + 2 <= end) attend<2, 1, SHORT_STRIDE>(head, at), at += 2;
  if (at < end) attend<1, 1, SHORT_STRIDE>(head, at);
}

/** Points `head` at a range of columns, packed into `packedKeys` and `packedValues`. */
static void packColumns(AttentionHead<Bfloat16>& head, const uint16_t* keys, const uint16_t* values, size_t half, int length, uint16_t* packedKeys,
                        uint16_t* packedValues) {
  packKeys(keys, half, 1, length, packedKeys);
  head.keys = packedKeys;
  head.values[0] = Bfloat16::packValues(values, length, packedValues);
  head.length = length;
}

static void attendWithinTexts(const PrunedShape& shape, PrunedWorkspace& w, const Projections& from, const AttentionRange& range, int query) {
  const size_t half = from.rows * HALF;
  const int first = query;  // the row of [CLS]
  AttentionHead<Bfloat16> head;
  head.queryHalf = from.queryRows * HALF;
  head.scores = w.scores;
  head.shares = w.shares;
  head.outStride = (size_t)shape.hidden;
  for (size_t panel = 0; panel < (size_t)shape.heads; panel++) {
    const uint16_t* keys = from.keyValues + panel * half + (size_t)range.firstKey * HALF;
    const uint16_t* values = keys + (size_t)shape.heads * half;
    head.queries = from.queries + panel * head.queryHalf + (size_t)range.firstQuery * HALF;
    head.out = w.context + (size_t)range.firstQuery * head.outStride + panel * HALF;
    packColumns(head, keys, values, half, range.keys, w.keys, w.values);
    attendRows(head, first, 1);
    head.length = first + 1;  // the packed columns begin with the query's and [CLS]
    attendRows(head, 0, query);
    const size_t shift = (size_t)first * HALF;
    packColumns(head, keys + shift, values + shift, half, range.keys - first, w.documentKeys, w.documentValues);
    attendRows(head, first + 1, range.queries - first - 1);
  }
}
