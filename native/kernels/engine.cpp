// The forward pass. This is the one translation unit that is compiled for AVX-512.
#include "../engine.h"

#include <stdlib.h>
#include <string.h>

#include "attention.h"
#include "last-attention.h"
#include "pack.h"
#include "sinks.h"
#include "weights.h"
#include "workspace.h"

struct Model {
  Shape shape;
  Weights weights;
  Mapping mapping;
  Workspace workspace;
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

Outcome copyAndCheck(Workspace& w, const Shape& shape, const Run& run, size_t* detail) {
  memcpy(w.tokens, run.tokens, run.tokenCount * sizeof(int32_t));
  memcpy(w.types, run.types, run.tokenCount * sizeof(int32_t));
  memcpy(w.lengths, run.lengths, run.pairCount * sizeof(int32_t));
  size_t tokens = 0;
  for (size_t i = 0; i < run.pairCount; i++) {
    *detail = i;
    if (w.lengths[i] < 1 || w.lengths[i] > longestText(shape)) return Outcome::badLength;
    tokens += (size_t)w.lengths[i];
  }
  if (tokens != run.tokenCount) return Outcome::badCount;
  for (size_t i = 0; i < run.tokenCount; i++) {
    *detail = i;
    if (w.tokens[i] < 0 || w.tokens[i] >= shape.vocabulary) return Outcome::badToken;
    if (w.types[i] < 0 || w.types[i] >= shape.types) return Outcome::badType;
  }
  return Outcome::done;
}

void embed(const Weights& weights, const Shape& shape, Workspace& w, int pairs, int tokens) {
  const size_t size = (size_t)shape.hidden;
  constexpr int AHEAD = 4;  // rows of the vocabulary are anywhere in memory, so they are fetched some tokens before they are read
  // RoBERTa counts positions from the one after the padding's id, which is the position of padding that stands within a text; it is not counted.
  const int padding = shape.positionOffset - 1;
  int t = 0;
  for (int pair = 0; pair < pairs; pair++) {
    int position = padding;
    for (const int end = t + w.lengths[pair]; t < end; t++) {
      const bool isPadding = shape.positionOffset > 0 && w.tokens[t] == padding;
      if (!isPadding) position++;
      if (t + AHEAD < tokens) {
        const char* next = (const char*)(weights.words + (size_t)w.tokens[t + AHEAD] * size);
        for (size_t i = 0; i < size * sizeof(uint16_t); i += 64) _mm_prefetch(next + i, _MM_HINT_T0);
      }
      const uint16_t* word = weights.words + (size_t)w.tokens[t] * size;
      const float* place = weights.positions + (size_t)(isPadding ? padding : position) * size;
      const float* type = weights.types + (size_t)w.types[t] * size;
      Floats sum = zeros();
      for (size_t i = 0; i < size; i += 16) {
        const Integers bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(word + i)));
        const Floats x = add(add(_mm512_castsi512_ps(_mm512_slli_epi32(bits, 16)), load(place + i)), load(type + i));
        sum = add(sum, x);
        store(w.unfinished + i, x);
      }
      normalizeRows<1>(w.unfinished, &sum, weights.embeddingNorm, w.hidden + (size_t)t * size, w.hiddenBytes + (size_t)t * HIDDEN_STRIDE,
                       HIDDEN_STRIDE, w.hiddenScales + t);
    }
  }
}

void attendWithin(const Shape& shape, Workspace& w, int start, int length, int tokens) {
  const int halves = shape.hidden / shape.heads / HALF;
  const size_t half = (size_t)tokens * HALF, rows = (size_t)start * HALF;
  const bool isShort = longestText(shape) <= SHORT_LENGTH;
  AttentionHead head;
  head.queryHalf = half;
  head.keys = w.keys;
  head.values = w.values;
  head.valueHalf = (size_t)((length + 1) / 2) * 64;
  head.length = length;
  head.scores = w.scores;
  head.shares = w.shares;
  head.outStride = (size_t)shape.hidden;
  for (int h = 0; h < shape.heads; h++) {
    const size_t panel = (size_t)(h * halves), panels = (size_t)(shape.heads * halves);
    const uint16_t *keys = w.attentionInput + (panels + panel) * half + rows, *values = keys + panels * half;
    head.queries = w.attentionInput + panel * half + rows;
    head.out = w.context + (size_t)start * head.outStride + panel * HALF;
    packKeys(keys, half, halves, length, w.keys);
    for (int i = 0; i < halves; i++) packValues(values + (size_t)i * half, length, w.values + (size_t)i * head.valueHalf);
    if (halves == 1) {
      isShort ? attendToAll<1, SHORT_STRIDE>(head) : attendToAll<1, LONG_STRIDE>(head);
    } else {
      isShort ? attendToAll<2, SHORT_STRIDE>(head) : attendToAll<2, LONG_STRIDE>(head);
    }
  }
}

/** From quantised attention to the end of the layer, for `count` rows. */
void finishLayer(const EncoderLayer& layer, Workspace& w, float* hidden, int count, bool isLast) {
  ResidualNormSink attentionOut{w.unfinished, hidden, &layer.attentionNorm, w.hiddenBytes, w.hiddenScales, {}};
  multiplyRows<HIDDEN_STRIDE>(w.hiddenBytes, w.hiddenScales, count, layer.attentionOutput, attentionOut);
  GeluSink intermediate{w.unfinished, layer.intermediate.outputs, w.innerBytes, w.hiddenScales, w.innerScales, {}};
  multiplyRows<HIDDEN_STRIDE>(w.hiddenBytes, w.hiddenScales, count, layer.intermediate, intermediate);
  ResidualNormSink out{w.unfinished, hidden, &layer.outputNorm, isLast ? nullptr : w.hiddenBytes, w.hiddenScales, {}};
  multiplyRows<INNER_STRIDE>(w.innerBytes, w.innerScales, count, layer.output, out);
}

void quantizeContext(Workspace& w, const float* context, int size, int count) {
  for (int t = 0; t < count; t++) {
    w.hiddenScales[t] = quantizeRow(context + (size_t)t * (size_t)size, size, w.hiddenBytes + (size_t)t * HIDDEN_STRIDE);
  }
}

void runLayer(const EncoderLayer& layer, const Shape& shape, Workspace& w, int pairs, int tokens) {
  AttentionInputSink sink{w.attentionInput, (size_t)tokens};
  multiplyRows<HIDDEN_STRIDE>(w.hiddenBytes, w.hiddenScales, tokens, layer.attentionInput, sink);
  for (int pair = 0, start = 0; pair < pairs; start += w.lengths[pair++]) attendWithin(shape, w, start, w.lengths[pair], tokens);
  quantizeContext(w, w.context, shape.hidden, tokens);
  finishLayer(layer, w, w.hidden, tokens, false);
}

void runHead(const Weights& weights, const Shape& shape, Workspace& w, int count, float* logits) {
  const size_t size = (size_t)shape.hidden;
  multiplyFloatRows(w.lastRows, size, count, weights.headDense, w.lastContext, size);
  for (size_t i = 0; i < (size_t)count; i++) {
    float* row = w.lastContext + i * size;
    for (size_t d = 0; d < size; d += 16) {
      const Floats x = load(row + d);
      store(row + d, shape.headActivation == HeadActivation::tanh ? hyperbolicTangent(x) : preciseGelu(x));
    }
    for (size_t label = 0; label < (size_t)shape.labels; label++) {
      Floats sum = zeros();
      for (size_t d = 0; d < size; d += 16) sum = multiplyAdd(load(row + d), load(weights.headWeights + label * size + d), sum);
      logits[i * (size_t)shape.labels + label] = _mm512_reduce_add_ps(sum) + weights.headBiases[label];
    }
  }
}

/** The last layer and the head, for a few pairs at a time, whose first rows are gathered. */
void finishPairs(const Weights& weights, const Shape& shape, Workspace& w, int pairs, float* logits) {
  const size_t size = (size_t)shape.hidden;
  int start = 0;
  for (int pair = 0; pair < pairs;) {
    const int32_t* lengths = w.lengths + pair;
    int starts[LAST_ROWS], count = 0;
    for (; count < LAST_ROWS && pair < pairs; count++, pair++) {
      starts[count] = start;
      memcpy(w.lastRows + (size_t)count * size, w.hidden + (size_t)start * size, size * sizeof(float));
      start += w.lengths[pair];
    }
    attendFromFirstRows(weights.last, shape, w, starts, lengths, count);
    quantizeContext(w, w.lastContext, shape.hidden, count);
    finishLayer(weights.layers[shape.layers - 1], w, w.lastRows, count, true);
    runHead(weights, shape, w, count, logits + (size_t)(pair - count) * (size_t)shape.labels);
  }
}

}  // namespace

Outcome createModel(const Shape& shape, const float* const* tensors, Model** created, size_t* detail) {
  for (size_t i = 0; i < tensorCount(shape); i++) {
    *detail = i;
    if (!isFinite(tensors[i], tensorLength(shape, i))) return Outcome::notFinite;
  }
  Model* model = (Model*)calloc(1, sizeof(Model));
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
  *created = model;
  return Outcome::done;
}

void destroyModel(Model* model) {
  if (!model) return;
  model->mapping.release();
  model->workspace.mapping.release();
  free(model);
}

const Shape& shapeOf(const Model* model) { return model->shape; }

size_t memoryOf(const Model* model) { return model->mapping.size + model->workspace.mapping.size; }

Outcome runModel(Model* model, const Run& run, float* logits, size_t* detail) {
  const Shape& shape = model->shape;
  Workspace& w = model->workspace;
  const int pairs = (int)run.pairCount, tokens = (int)run.tokenCount;
  if (!reserve(w, shape, tokens)) return Outcome::outOfMemory;
  const Outcome checked = copyAndCheck(w, shape, run, detail);
  if (checked != Outcome::done) return checked;
  embed(model->weights, shape, w, pairs, tokens);
  for (int i = 0; i < shape.layers - 1; i++) runLayer(model->weights.layers[i], shape, w, pairs, tokens);
  finishPairs(model->weights, shape, w, pairs, logits);
  return Outcome::done;
}
