// What layers in float32 by tiles have in common: rows go through a layer in groups, split into three parts before each product.
#pragma once
#include "../vectors/arena.h"
#include "sinks.h"
#include "split-product.h"

/** Room for a group. A model's layers and runs share it. */
struct SplitGroups {
  /**
   * Rows that go through a layer together, and numbers in them: so many that weights come from the third cache seldom, so few that what is made of the rows stays in the
   * second. The feed-forward layer's second product takes its inputs as the first makes them, MOST_INNER at once, however many there are.
   */
  static constexpr int MOST_ROWS = 256, MOST_NUMBERS = MOST_ROWS * 384, MOST_INNER = 384;
  static_assert(GROUP_ROWS % TILE_ROWS == 0, "a group of a sink's rows must begin where a tile does");

  int together;
  SplitRows hidden, inner;
  SplitSums sums;

  template <class AnyShape>
  void layOut(const AnyShape& shape, size_t, Arena& arena) {
    const int size = shape.hidden, fitting = MOST_NUMBERS / size / 32 * 32;
    together = fitting < MOST_ROWS ? fitting : MOST_ROWS;
    hidden.inputs = size;
    sums.outputs = size;
    arena.take(hidden.start, SplitRows::sizeFor((size_t)together, (size_t)size));
    arena.take(inner.start, SplitRows::sizeFor((size_t)together, MOST_INNER));
    arena.take(sums.start, (size_t)together * (size_t)size);
  }
  bool usesTiles() const { return true; }
  void quantize(size_t, const float*, const LayerNorm&) {}
  void measure(const float*, int, int) {}

  /** Calls `use(first, rows)` for `count` rows, in groups of about one size, whole blocks but for the last. */
  template <class Use>
  void inGroups(int count, const Use& use) const {
    const int groups = (count + together - 1) / together, group = ((count + groups - 1) / groups + 31) / 32 * 32;
    for (int first = 0; first < count; first += group) use(first, count - first < group ? count - first : group);
  }

  /** Multiplies `count` rows. */
  template <class Sink>
  void multiply(const float* from, int count, const SplitMatrix& matrix, Sink& sink) const {
    inGroups(count, [&](int first, int rows) {
      splitRows(from + (size_t)first * (size_t)matrix.inputs, rows, hidden);
      multiplySplitRows(hidden, first, rows, matrix, sink);
    });
  }

  /** From `count` split rows, at most a group, to sinks that finish their rows. These may be some of the matrix's inputs, from `firstInput` on, the last of them. */
  template <class SinkFrom>
  void finish(const SplitRows& rows, int count, const SplitMatrix& matrix, int firstInput, const SinkFrom& sinkFrom) const {
    for (int first = 0; first < count; first += GROUP_ROWS) {
      auto sink = sinkFrom(first);
      finishSplitRows(rows.from(first), count - first < GROUP_ROWS ? count - first : GROUP_ROWS, matrix, firstInput, sums.from(first), sink);
    }
  }

  /** The feed-forward layer of the `count` rows in `hidden`. `ActiveSink` splits what is next for the second product, and takes so many outputs of the first for each of its inputs. */
  template <class ActiveSink, class SinkFrom>
  void feedForward(int count, const SplitMatrix& intermediate, const SplitMatrix& output, const SinkFrom& sinkFrom) const {
    constexpr int OUTPUTS = ActiveSink::OUTPUTS;
    for (int at = 0; at < output.inputs; at += MOST_INNER) {
      const int left = output.inputs - at;
      const SplitRows some = {inner.start, left < MOST_INNER ? left : MOST_INNER};
      ActiveSink active{some};
      multiplySplitRows(hidden, 0, count, intermediate.part(OUTPUTS * at, OUTPUTS * some.inputs), active);
      if (left <= MOST_INNER) {
        finish(some, count, output, at, sinkFrom);
      } else {
        addSplitRows(some, count, output, at, sums);
      }
    }
  }
};
