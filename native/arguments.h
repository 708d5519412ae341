// Reading JavaScript's arguments. Each function throws and returns false where something does not fit. Whatever may run JavaScript (properties, elements of arrays)
// is read before the first pointer is taken: a getter could detach the memory.
#pragma once
#include <node_api.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"

__attribute__((format(printf, 2, 3))) static inline bool throwRange(napi_env env, const char* format, ...) {
  char message[200];
  va_list values;
  va_start(values, format);
  vsnprintf(message, sizeof message, format, values);
  va_end(values);
  napi_throw_range_error(env, nullptr, message);
  return false;
}

static inline bool throwType(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return false;
}

/** For a call that failed: what it threw stays, and where it threw nothing something is thrown. */
static inline bool throwPending(napi_env env) {
  bool isPending = false;
  if (napi_is_exception_pending(env, &isPending) == napi_ok && !isPending) napi_throw_error(env, nullptr, "The native engine was refused by Node.js.");
  return false;
}

static inline bool readNumber(napi_env env, napi_value object, const char* name, double* value) {
  napi_value property;
  if (napi_get_named_property(env, object, name, &property) != napi_ok) return throwPending(env);
  if (napi_get_value_double(env, property, value) != napi_ok) {
    char message[100];
    snprintf(message, sizeof message, "`%s` must be a number.", name);
    return throwType(env, message);
  }
  return true;
}

static inline bool readInteger(napi_env env, napi_value object, const char* name, int least, int most, int* value) {
  double number;
  if (!readNumber(env, object, name, &number)) return false;
  if (!(number >= least && number <= most) || number != (double)(int)number) {
    return throwRange(env, "`%s` must be an integer from %d to %d; got %g.", name, least, most, number);
  }
  *value = (int)number;
  return true;
}

/** One of some names of up to fifteen letters: its place among them. */
template <size_t COUNT>
static inline bool readChoice(napi_env env, napi_value value, const char* name, const char* const (&choices)[COUNT], int* place) {
  char text[17], message[100];
  size_t length;
  if (napi_get_value_string_utf8(env, value, text, sizeof text, &length) != napi_ok) {
    snprintf(message, sizeof message, "`%s` must be a string.", name);
    return throwType(env, message);
  }
  int written = snprintf(message, sizeof message, "`%s` must be ", name);
  for (size_t i = 0; i < COUNT; i++) {
    *place = (int)i;
    // The length too: a string may go on behind a zero.
    if (length == strlen(choices[i]) && strcmp(text, choices[i]) == 0) return true;
    const char* next = i == 0 ? "" : i + 1 < COUNT ? ", " : " or ";
    written += snprintf(message + written, sizeof message - (size_t)written, "%s\"%s\"", next, choices[i]);
  }
  return throwRange(env, "%s.", message);
}

static inline bool readChoice(napi_env env, napi_value value, const char* name, const char* first, const char* second, bool* isFirst) {
  const char* const choices[] = {first, second};
  int place = 0;
  if (!readChoice(env, value, name, choices, &place)) return false;
  *isFirst = place == 0;
  return true;
}

/** The same of a property of `object`. */
template <size_t COUNT>
static inline bool readChoiceOf(napi_env env, napi_value object, const char* name, const char* const (&choices)[COUNT], int* place) {
  napi_value property;
  if (napi_get_named_property(env, object, name, &property) != napi_ok) return throwPending(env);
  return readChoice(env, property, name, choices, place);
}

static inline bool readHeadActivation(napi_env env, napi_value object, HeadActivation* activation) {
  const char* const choices[] = {"tanh", "gelu"};
  int place = 0;
  if (!readChoiceOf(env, object, "headActivation", choices, &place)) return false;
  *activation = (HeadActivation)place;
  return true;
}

static inline bool readOutput(napi_env env, napi_value object, Output* output) {
  const char* const choices[] = {"logits", "first", "mean"};
  int place = 0;
  if (!readChoiceOf(env, object, "output", choices, &place)) return false;
  *output = (Output)place;
  return true;
}

/** Bytes of the longest path, with its end. */
constexpr size_t MAX_PATH = 4096;

static inline bool readFormat(napi_env env, napi_value object, WordFormat* format) {
  const char* const choices[] = {"F32", "F16", "BF16"};
  int place = 0;
  if (!readChoiceOf(env, object, "format", choices, &place)) return false;
  *format = (WordFormat)place;
  return true;
}

/** Where words stay that are no tensor; `undefined` where they are one. */
static inline bool readWordsPlace(napi_env env, napi_value object, char (&path)[MAX_PATH], WordsPlace* words, bool* isGiven) {
  napi_valuetype type;
  napi_value property;
  size_t length = 0;
  double start = 0;
  *isGiven = napi_typeof(env, object, &type) == napi_ok && type != napi_undefined;
  if (!*isGiven) return true;
  if (type != napi_object) return throwType(env, "`words` must be an object.");
  if (napi_get_named_property(env, object, "path", &property) != napi_ok) return throwPending(env);
  if (napi_get_value_string_utf8(env, property, path, MAX_PATH, &length) != napi_ok) return throwType(env, "`path` must be a string.");
  if (length + 1 >= MAX_PATH || strlen(path) != length) return throwRange(env, "`path` must have fewer than %zu bytes, none of them zero.", MAX_PATH - 1);
  if (!readFormat(env, object, &words->format) || !readNumber(env, object, "start", &start)) return false;
  if (!(start >= 0 && start <= 9007199254740991) || start != (double)(int64_t)start) return throwRange(env, "`start` must be a whole number of bytes; got %g.", start);
  words->start = (int64_t)start;
  return true;
}

static inline bool readArithmetic(napi_env env, napi_value value, Arithmetic* arithmetic) {
  bool isInt8 = false;
  if (!readChoice(env, value, "arithmetic", "int8", "float32", &isInt8)) return false;
  *arithmetic = isInt8 ? Arithmetic::int8 : Arithmetic::float32;
  return true;
}

static inline bool readShape(napi_env env, napi_value object, Shape* shape) {
  napi_valuetype type;
  if (napi_typeof(env, object, &type) != napi_ok || type != napi_object) return throwType(env, "`shape` must be an object.");
  int embeddingSize = 0;
  double epsilon = 0;
  if (!readInteger(env, object, "hidden", 64, MAX_HIDDEN, &shape->hidden) || !readInteger(env, object, "inner", 64, MAX_INNER, &shape->inner) ||
      !readInteger(env, object, "heads", 1, MAX_HEADS, &shape->heads) || !readInteger(env, object, "layers", 1, MAX_LAYERS, &shape->layers) ||
      !readInteger(env, object, "embeddingSize", 1, MAX_HIDDEN, &embeddingSize) ||
      !readInteger(env, object, "vocabulary", 1, MAX_VOCABULARY, &shape->vocabulary) ||
      !readInteger(env, object, "positions", 1, MAX_POSITIONS, &shape->positions) || !readInteger(env, object, "types", 1, MAX_TYPES, &shape->types) ||
      !readInteger(env, object, "positionOffset", 0, MAX_POSITIONS, &shape->positionOffset) || !readNumber(env, object, "epsilon", &epsilon) ||
      !readOutput(env, object, &shape->output)) {
    return false;
  }
  if (shape->output == Output::logits &&
      (!readInteger(env, object, "labels", 1, MAX_LABELS, &shape->labels) || !readHeadActivation(env, object, &shape->headActivation))) {
    return false;
  }
  if (shape->hidden % 64) return throwRange(env, "`hidden` must be a multiple of 64; got %d.", shape->hidden);
  if (shape->inner % 64) return throwRange(env, "`inner` must be a multiple of 64; got %d.", shape->inner);
  if (shape->heads * 32 != shape->hidden && shape->heads * 64 != shape->hidden) {
    return throwRange(env, "`hidden / heads` must be 32 or 64; got %d / %d.", shape->hidden, shape->heads);
  }
  if (embeddingSize != shape->hidden) return throwRange(env, "`embeddingSize` must be `hidden` (%d); got %d.", shape->hidden, embeddingSize);
  if (shape->positionOffset >= shape->positions) return throwRange(env, "`positionOffset` must be less than `positions` (%d).", shape->positions);
  if (!(epsilon > 0 && epsilon <= 1)) return throwRange(env, "`epsilon` must be above 0 and at most 1; got %g.", epsilon);
  shape->epsilon = (float)epsilon;
  return true;
}

/** Elements of a typed array. Runs no JavaScript. A detached array has no elements. */
static inline bool readTypedArray(napi_env env, napi_value value, napi_typedarray_type expected, void** data, size_t* length) {
  bool isTypedArray = false;
  napi_typedarray_type type;
  if (napi_is_typedarray(env, value, &isTypedArray) != napi_ok || !isTypedArray) return false;
  if (napi_get_typedarray_info(env, value, &type, length, data, nullptr, nullptr) != napi_ok || type != expected) return false;
  if (!*data) *length = 0;
  return true;
}

static inline bool readInt32Array(napi_env env, napi_value value, const char* name, const int32_t** data, size_t* length) {
  void* at;
  if (!readTypedArray(env, value, napi_int32_array, &at, length)) {
    char message[100];
    snprintf(message, sizeof message, "`%s` must be an Int32Array.", name);
    return throwType(env, message);
  }
  *data = (const int32_t*)at;
  return true;
}

constexpr size_t MAX_TENSORS = WeightsForm::MOST * ((size_t)MAX_LAYERS + 2);

/** The elements of `tensors`, at most `most`. */
static inline bool readElements(napi_env env, napi_value array, size_t most, napi_value* elements, size_t* count) {
  bool isArray = false;
  uint32_t length = 0;
  if (napi_is_array(env, array, &isArray) != napi_ok || !isArray) return throwType(env, "`tensors` must be an array.");
  if (napi_get_array_length(env, array, &length) != napi_ok) return throwPending(env);
  if (length > most) return throwRange(env, "`tensors` must have at most %zu elements; got %u.", most, length);
  for (size_t i = 0; i < length; i++) {
    if (napi_get_element(env, array, (uint32_t)i, &elements[i]) != napi_ok) return throwPending(env);
  }
  *count = length;
  return true;
}

/** The next tensors of a model. */
struct NextTensors {
  const float* data[MAX_TENSORS];
  size_t count;
  /** Rows of the words, where the first tensor is of these. */
  size_t wordRows;
};

/** Whole parts of a checked shape, each tensor with the length that the shape asks for; or alone, as many rows of the words as there are. Runs no JavaScript. */
static inline bool readTensors(napi_env env, const napi_value* elements, size_t count, const WeightsForm& form, const Progress& progress, NextTensors* next) {
  const size_t hidden = form.wordSize, left = tensorCount(form) - progress.tensors;
  if (count > left) return throwRange(env, "`tensors` must have at most %zu elements; got %zu.", left, count);
  next->count = count;
  next->wordRows = 0;
  for (size_t i = 0; i < count; i++) {
    void* data;
    size_t floats;
    if (!readTypedArray(env, elements[i], napi_float32_array, &data, &floats)) return throwType(env, "Every one of `tensors` must be a Float32Array.");
    const bool isWords = progress.tensors + i == 0;
    const size_t expected = tensorLength(form, progress.tensors + i) - (isWords ? progress.words * hidden : 0);
    const bool isPiece = isWords && count == 1 && floats > 0 && floats < expected && floats % hidden == 0;
    if (floats != expected && !isPiece) return throwRange(env, "`tensors[%zu]` must have %zu values; got %zu.", i, expected, floats);
    if (isWords) next->wordRows = floats / hidden;
    next->data[i] = (const float*)data;
  }
  if (count && !endsPart(form, progress.tensors + count)) return throwRange(env, "`tensors` must end with a whole part of the model; got %zu elements.", count);
  return true;
}
