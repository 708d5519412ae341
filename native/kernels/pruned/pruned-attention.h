// Attention of the two texts of a pair: each attends to itself; the document's [CLS] is one of the document's rows and attends to the query too. A document's columns
// are packed in front of the query's, so that what a row attends to is a range that begins with the first, and nothing is computed that a mask would drop.
#pragma once
#include "../attention/attend-rows.h"
#include "pruned-workspace.h"

/** A product's queries, keys and values: [panel][row][32], each with its own number of rows. */
struct Projections {
  const AttentionNumber* queries;
  size_t queryRows;
  const AttentionNumber* keyValues;
  size_t rows;
};

/** Rows among the queries and among the keys. */
struct AttentionRange {
  int firstQuery, queries;
  int firstKey, keys;
};

/** A layer's keys and values of the query: [panel][row][32]. */
struct QueryColumns {
  const AttentionNumber* keyValues;
  int length;
};

/** One head's keys or values of both texts. */
struct Columns {
  const AttentionNumber* document;
  int documentLength;
  const AttentionNumber* query;
  int queryLength;

  int length() const { return documentLength + queryLength; }
  ALWAYS_INLINE const AttentionNumber* at(int column) const {
    const int inQuery = column - documentLength;
    return inQuery < 0 ? document + (size_t)column * HALF : query + (size_t)inQuery * HALF;
  }
};

/** As `packKeys`. */
static void packKeysOfBoth(const Columns& keys, AttentionNumber* to) {
  const int whole = keys.documentLength / 16 * 16;
  packKeys(keys.document, 0, 1, whole, to);
  for (int j = whole; j < keys.length(); j += 16) packSixteenKeys([&](int i) { return keys.at(j + i); }, to + (size_t)j * HALF);
}

/** As `packValues`. Behind a document of odd length is the query's first token, of which the document's rows take a share of zero. */
static void packValuesOfBoth(const Columns& values, AttentionNumber* to) {
  constexpr int TOGETHER = QuantizedAttention::TOGETHER;
  const int whole = values.documentLength / TOGETHER * TOGETHER, length = values.length();
  QuantizedAttention::packRows([&](int token) { return values.document + (size_t)token * HALF; }, 0, whole, to);
  QuantizedAttention::packRows([&](int token) { return values.at(token); }, whole, length, to);
  QuantizedAttention::clearBehind(length, to);
}

/** Calls `attendHead` with each head's columns packed. */
template <class AttendHead>
static void attendHeads(const PrunedShape& shape, PrunedWorkspace& w, const Projections& from, const AttentionRange& range, const QueryColumns& query,
                        const AttendHead& attendHead) {
  const size_t half = from.rows * HALF, queryHalf = (size_t)query.length * HALF, heads = (size_t)shape.heads;
  AttentionHead<QuantizedAttention> head;
  head.queryHalf = from.queryRows * HALF;
  head.keys = w.keys;
  head.values[0] = w.values;
  head.scores = w.scores;
  head.shares = w.shares;
  head.outStride = (size_t)shape.hidden;
  for (size_t panel = 0; panel < heads; panel++) {
    const AttentionNumber *keys = from.keyValues + panel * half + (size_t)range.firstKey * HALF, *queryKeys = query.keyValues + panel * queryHalf;
    packKeysOfBoth({keys, range.keys, queryKeys, query.length}, w.keys);
    packValuesOfBoth({keys + heads * half, range.keys, queryKeys + heads * queryHalf, query.length}, w.values);
    head.queries = from.queries + panel * head.queryHalf + (size_t)range.firstQuery * HALF;
    head.out = w.context + (size_t)range.firstQuery * head.outStride + panel * HALF;
    attendHead(head);
  }
}

static void attendWithinQuery(const PrunedShape& shape, PrunedWorkspace& w, const AttentionNumber* queries, const QueryColumns& query) {
  const Projections from = {queries, (size_t)query.length, query.keyValues, (size_t)query.length};
  attendHeads(shape, w, from, {0, query.length, 0, 0}, query, [&](AttentionHead<QuantizedAttention>& head) {
    head.length = query.length;
    attendRows<1, SHORT_STRIDE>(head, 0, query.length, w.rows.usesTiles());
  });
}

static void attendWithinPair(const PrunedShape& shape, PrunedWorkspace& w, const Projections& from, const AttentionRange& range, const QueryColumns& query) {
  attendHeads(shape, w, from, range, query, [&](AttentionHead<QuantizedAttention>& head) {
    head.length = range.keys + query.length;
    attendRows<1, SHORT_STRIDE>(head, 0, 1, false);  // one row: too few for a tile
    head.length = range.keys;
    attendRows<1, SHORT_STRIDE>(head, 1, range.queries - 1, w.rows.usesTiles());
  });
}
