// The forward pass of the package's own cross-encoder. Compiled for AVX-512, as engine.cpp.
#include "../pruned-engine.h"

#include <stdlib.h>
#include <string.h>

#include "match-head.h"
#include "pruned-attention.h"
#include "token-choice.h"

struct PrunedModel {
  PrunedShape shape;
  PrunedWeights weights;
  Mapping mapping;
  PrunedWorkspace workspace;
};

namespace {

bool isFinite(const float* values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, values + i, sizeof bits);
    if ((bits & 0x7f800000u) == 0x7f800000u) return false;
  }
  return true;
}

Outcome copyAndCheck(PrunedWorkspace& w, const PrunedShape& shape, const Run& run, size_t* detail) {
  memcpy(w.tokens, run.tokens, run.tokenCount * sizeof(int32_t));
  memcpy(w.types, run.types, run.tokenCount * sizeof(int32_t));
  memcpy(w.lengths, run.lengths, run.pairCount * sizeof(int32_t));
  size_t tokens = 0;
  for (size_t i = 0; i < run.pairCount; i++) {
    *detail = i;
    if (w.lengths[i] < 1 || w.lengths[i] > shape.positions) return Outcome::badLength;
    tokens += (size_t)w.lengths[i];
  }
  if (tokens != run.tokenCount) return Outcome::badCount;
  for (size_t i = 0, next = 0, pair = 0; i < run.tokenCount; i++) {
    *detail = i;
    const bool isFirst = i == next;
    if (isFirst) next += (size_t)w.lengths[pair++];
    if (w.tokens[i] < 0 || w.tokens[i] >= shape.vocabulary) return Outcome::badToken;
    // The first token is no text's: the graph counts it as the query's.
    if (w.types[i] < 0 || w.types[i] > (isFirst ? 0 : 1)) return Outcome::badType;
  }
  return Outcome::done;
}

/** Orders the tokens and chooses those that go on. Returns how many do. */
int planPairs(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int pairs) {
  int start = 0, keptRows = 0;
  for (int i = 0; i < pairs; i++) {
    PairRows& pair = w.pairs[i];
    pair.start = start;
    pair.count = w.lengths[i];
    start += pair.count;
    orderTokens(w, pair, shape);
    countPieces(w, pair, shape, weights);
    keptRows = chooseTokens(w, pair, shape, keptRows);
  }
  return keptRows;
}

/** While outliers are looked for: adds the squares of a norm's rows and goes on to the next norm's place. */
void measureColumns(const PrunedShape& shape, PrunedWorkspace& w, int rows) {
  if (!w.squares) return;
  const size_t size = (size_t)shape.hidden;
  for (size_t t = 0; t < (size_t)rows; t++) {
    for (size_t d = 0; d < size; d += 16) {
      const Floats x = load(w.hidden + t * size + d);
      store(w.squares + d, multiplyAdd(x, x, load(w.squares + d)));
    }
  }
  w.squares += size;
}

void embed(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int rows) {
  const size_t size = (size_t)shape.hidden, half = size / 2;
  constexpr int AHEAD = 4;  // rows of the vocabulary are anywhere in memory, so they are fetched some tokens before they are read
  const Integers low = _mm512_set1_epi32(15), shift = _mm512_set1_epi32(8);
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
      const Integers both = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)(word + i)));
      const Floats first = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_and_si512(both, low), shift));
      const Floats second = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_srli_epi32(both, 4), shift));
      const Floats a = add(multiply(first, scale), load(place + i)), b = add(multiply(second, scale), load(place + half + i));
      sum = add(sum, add(a, b));
      store(w.unfinished + i, a);
      store(w.unfinished + half + i, b);
    }
    float* row = w.hidden + (size_t)t * size;
    normalizeRows<1>(w.unfinished, &sum, weights.embeddingNorm, row, nullptr, HIDDEN_STRIDE, nullptr);
    w.hiddenScales[t] = quantizeWithOutliers(row, shape.hidden, weights.embeddingOutliers, w.hiddenBytes + (size_t)t * HIDDEN_STRIDE);
  }
}

/** Moves the rows that go on together, in place, and leaves their pieces in `kept`. A row only ever moves forwards. */
void gatherKept(const PrunedShape& shape, PrunedWorkspace& w, int keptRows) {
  const size_t size = (size_t)shape.hidden;
  for (int i = 0; i < keptRows; i++) {
    const size_t from = (size_t)w.kept[i], to = (size_t)i;
    w.kept[i] = w.pieces[from];
    if (from == to) continue;
    memcpy(w.hidden + to * size, w.hidden + from * size, size * sizeof(float));
    memcpy(w.hiddenBytes + to * HIDDEN_STRIDE, w.hiddenBytes + from * HIDDEN_STRIDE, size + MORE_INPUTS);
    w.hiddenScales[to] = w.hiddenScales[from];
  }
}

/** From attention to the end of the layer. */
void finishLayer(const PrunedLayer& layer, const PrunedShape& shape, PrunedWorkspace& w, int rows) {
  for (int t = 0; t < rows; t++) {
    w.hiddenScales[t] = quantizeRow(w.context + (size_t)t * (size_t)shape.hidden, shape.hidden, w.hiddenBytes + (size_t)t * HIDDEN_STRIDE);
  }
  OutlierNormSink attentionOut{w.unfinished, w.hidden, &layer.attentionNorm, &layer.attentionOutliers, w.hiddenBytes, w.hiddenScales, {}};
  multiplyRows<HIDDEN_STRIDE>(w.hiddenBytes, w.hiddenScales, rows, layer.attentionOutput, attentionOut);
  measureColumns(shape, w, rows);
  GeluSink intermediate{w.unfinished, layer.intermediate.outputs, w.innerBytes, w.hiddenScales, w.innerScales, {}};
  multiplyRows<HIDDEN_STRIDE>(w.hiddenBytes, w.hiddenScales, rows, layer.intermediate, intermediate);
  OutlierNormSink out{w.unfinished, w.hidden, &layer.outputNorm, &layer.outputOutliers, w.hiddenBytes, w.hiddenScales, {}};
  multiplyRows<INNER_STRIDE>(w.innerBytes, w.innerScales, rows, layer.output, out);
  measureColumns(shape, w, rows);
}

/** Keys and values of all tokens; queries, and everything after, of those that go on. */
void runFirstLayer(const PrunedLayer& layer, const PrunedShape& shape, PrunedWorkspace& w, int pairs, int tokens, int keptRows) {
  AttentionInputSink keyValues{w.attentionInput, (size_t)tokens};
  multiplyRows<HIDDEN_STRIDE>(w.hiddenBytes, w.hiddenScales, tokens, layer.keyValue, keyValues);
  gatherKept(shape, w, keptRows);
  AttentionInputSink queries{w.queries, (size_t)keptRows};
  multiplyRows<HIDDEN_STRIDE>(w.hiddenBytes, w.hiddenScales, keptRows, layer.query, queries);
  const Projections from = {w.queries, (size_t)keptRows, w.attentionInput, (size_t)tokens};
  for (int i = 0; i < pairs; i++) {
    const PairRows& pair = w.pairs[i];
    attendWithinTexts(shape, w, from, {pair.keptStart, pair.keptCount, pair.start, pair.count}, pair.query);
  }
  finishLayer(layer, shape, w, keptRows);
}

void runLayer(const PrunedLayer& layer, const PrunedShape& shape, PrunedWorkspace& w, int pairs, int rows) {
  AttentionInputSink sink{w.attentionInput, (size_t)rows};
  multiplyRows<HIDDEN_STRIDE>(w.hiddenBytes, w.hiddenScales, rows, layer.attentionInput, sink);
  const Projections from = {w.attentionInput, (size_t)rows, w.attentionInput + (size_t)rows * (size_t)shape.hidden, (size_t)rows};
  for (int i = 0; i < pairs; i++) {
    const PairRows& pair = w.pairs[i];
    attendWithinTexts(shape, w, from, {pair.keptStart, pair.keptCount, pair.keptStart, pair.keptCount}, pair.query);
  }
  finishLayer(layer, shape, w, rows);
}

void matchQueries(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int pairs, int rows) {
  UnitVectorSink vectors{w.context, shape.hidden, {}};
  multiplyRows<HIDDEN_STRIDE>(w.hiddenBytes, w.hiddenScales, rows, weights.project, vectors);
  for (int i = 0; i < pairs; i++) w.pairs[i].matched = matchQuery(w.pairs[i], w.context, w.kept, weights.importance, shape.hidden);
}

/** What was copied into the workspace. */
void scorePairs(const PrunedWeights& weights, const PrunedShape& shape, PrunedWorkspace& w, int pairs, int tokens, float* logits) {
  const int rows = planPairs(weights, shape, w, pairs);
  embed(weights, shape, w, tokens);
  measureColumns(shape, w, tokens);
  runFirstLayer(weights.layers[0], shape, w, pairs, tokens, rows);
  matchQueries(weights, shape, w, pairs, rows);
  for (int i = 1; i < shape.layers; i++) runLayer(weights.layers[i], shape, w, pairs, rows);
  for (int i = 0; i < pairs; i += HEAD_PAIRS) {
    const int count = pairs - i < HEAD_PAIRS ? pairs - i : HEAD_PAIRS;
    finishPairs(weights, shape, w, w.pairs + i, count, logits + i);
  }
}

/**
 * Finds the outliers of every norm, which are the same whatever is read, by reading a text of pieces drawn by lot (with the multiplier of S. Park and K. Miller, 1988).
 * So it depends on the weights alone.
 */
bool findOutliers(PrunedModel* model) {
  const PrunedShape& shape = model->shape;
  PrunedWeights& weights = model->weights;
  PrunedWorkspace& w = model->workspace;
  const int tokens = shape.positions < 256 ? shape.positions : 256, norms = 1 + 2 * shape.layers;
  float* squares = (float*)calloc((size_t)norms * (size_t)shape.hidden, sizeof(float));
  if (!squares || !reserve(w, shape, tokens)) {
    free(squares);
    return false;
  }
  uint64_t state = 1;
  for (int i = 0; i < tokens; i++) {
    state = state * 48271 % 2147483647;
    w.tokens[i] = (int32_t)(state % (uint64_t)shape.vocabulary);
    w.types[i] = i >= tokens / 8 && i > 0;
  }
  w.lengths[0] = tokens;
  w.squares = squares;
  float logit;
  scorePairs(weights, shape, w, 1, tokens, &logit);
  w.squares = nullptr;
  const float* next = squares;
  const auto choose = [&](OutlierColumns& outliers) {
    chooseOutliers(outliers, next, shape.hidden);
    next += shape.hidden;
  };
  choose(weights.embeddingOutliers);
  const OutlierColumns* before = &weights.embeddingOutliers;
  for (int i = 0; i < shape.layers; i++) {
    PrunedLayer& layer = weights.layers[i];
    choose(layer.attentionOutliers);
    choose(layer.outputOutliers);
    if (i == 0) {
      copyOutlierWeights(layer.query, *before);
      copyOutlierWeights(layer.keyValue, *before);
    } else {
      copyOutlierWeights(layer.attentionInput, *before);
    }
    copyOutlierWeights(layer.intermediate, layer.attentionOutliers);
    before = &layer.outputOutliers;
  }
  copyOutlierWeights(weights.project, weights.layers[0].outputOutliers);
  free(squares);
  return true;
}

}  // namespace

Outcome createPrunedModel(const PrunedShape& shape, const void* const* tensors, PrunedModel** created, size_t* detail) {
  for (size_t i = 0; i < tensorCount(shape); i++) {
    const TensorForm form = tensorForm(shape, i);
    *detail = i;
    if (form.type == TensorType::floats && !isFinite((const float*)tensors[i], form.length)) return Outcome::notFinite;
  }
  PrunedModel* model = (PrunedModel*)calloc(1, sizeof(PrunedModel));
  if (!model) return Outcome::outOfMemory;
  model->shape = shape;
  Arena measure;
  layOut(model->weights, shape, measure);
  if (!model->mapping.allocate(measure.used)) {
    free(model);
    return Outcome::outOfMemory;
  }
  Arena arena;
  arena.base = model->mapping.aligned;
  layOut(model->weights, shape, arena);
  packWeights(model->weights, shape, tensors);
  if (!findOutliers(model)) {
    destroyPrunedModel(model);
    return Outcome::outOfMemory;
  }
  *created = model;
  return Outcome::done;
}

void destroyPrunedModel(PrunedModel* model) {
  if (!model) return;
  model->mapping.release();
  model->workspace.mapping.release();
  free(model);
}

const PrunedShape& shapeOf(const PrunedModel* model) { return model->shape; }

size_t memoryOf(const PrunedModel* model) { return model->mapping.size + model->workspace.mapping.size; }

Outcome runPrunedModel(PrunedModel* model, const Run& run, float* logits, size_t* detail) {
  if (!reserve(model->workspace, model->shape, (int)run.tokenCount)) return Outcome::outOfMemory;
  const Outcome checked = copyAndCheck(model->workspace, model->shape, run, detail);
  if (checked == Outcome::done) scorePairs(model->weights, model->shape, model->workspace, (int)run.pairCount, (int)run.tokenCount, logits);
  return checked;
}
