// Reading JavaScript's description of the package's own cross-encoder, by the rules of arguments.h.
#pragma once
#include "arguments.h"
#include "pruned-engine.h"

static inline bool readFloat(napi_env env, napi_value object, const char* name, float* value) {
  double number;
  if (!readNumber(env, object, name, &number)) return false;
  if (!(number >= -1e30 && number <= 1e30)) return throwRange(env, "`%s` must be a finite number; got %g.", name, number);
  *value = (float)number;
  return true;
}

static inline bool readPrunedShape(napi_env env, napi_value object, PrunedShape* shape) {
  napi_valuetype type;
  if (napi_typeof(env, object, &type) != napi_ok || type != napi_object) return throwType(env, "`shape` must be an object.");
  if (!readInteger(env, object, "hidden", 64, MAX_HIDDEN, &shape->hidden) || !readInteger(env, object, "inner", 64, MAX_INNER, &shape->inner) ||
      !readInteger(env, object, "heads", 1, MAX_HEADS, &shape->heads) || !readInteger(env, object, "layers", 1, MAX_LAYERS, &shape->layers) ||
      !readInteger(env, object, "vocabulary", 1, MAX_VOCABULARY, &shape->vocabulary) ||
      !readInteger(env, object, "positions", 1, MAX_PRUNED_POSITIONS, &shape->positions) || !readFloat(env, object, "epsilon", &shape->epsilon) ||
      !readInteger(env, object, "keepPercent", 0, 100, &shape->keepPercent) ||
      !readInteger(env, object, "keepUncounted", 0, MAX_PRUNED_POSITIONS, &shape->keepUncounted) ||
      !readInteger(env, object, "keepAtLeast", 0, MAX_PRUNED_POSITIONS, &shape->keepAtLeast)) {
    return false;
  }
  if (shape->hidden % 64) return throwRange(env, "`hidden` must be a multiple of 64; got %d.", shape->hidden);
  if (shape->inner % 64) return throwRange(env, "`inner` must be a multiple of 64; got %d.", shape->inner);
  if (shape->heads * 32 != shape->hidden) return throwRange(env, "`hidden / heads` must be 32; got %d / %d.", shape->hidden, shape->heads);
  if (!(shape->epsilon > 0 && shape->epsilon <= 1)) return throwRange(env, "`epsilon` must be above 0 and at most 1; got %g.", (double)shape->epsilon);
  const struct {
    const char* name;
    float* value;
  } terms[] = {{"bias", &shape->bias}, {"matched", &shape->matched}, {"alike", &shape->alike}, {"first", &shape->first},
               {"classifierBias", &shape->classifierBias}, {"lexicalRise", &shape->lexicalRise}, {"lexicalSlope", &shape->lexicalSlope},
               {"lexicalRoom", &shape->lexicalRoom}, {"lexicalMass", &shape->lexicalMass}};
  for (const auto& term : terms) {
    if (!readFloat(env, object, term.name, term.value)) return false;
  }
  return true;
}

/** The tensors of a checked shape, each of the type and with the length that the shape asks for. */
static inline bool readPrunedTensors(napi_env env, napi_value array, const PrunedShape& shape, const void* (&tensors)[MAX_PRUNED_TENSORS]) {
  const size_t count = tensorCount(shape);
  napi_value elements[MAX_PRUNED_TENSORS];
  size_t given = 0;
  if (!readElements(env, array, count, elements, &given)) return false;
  if (given != count) return throwRange(env, "`tensors` must have %zu elements; got %zu.", count, given);
  const struct {
    napi_typedarray_type type;
    const char* name;
  } types[] = {{napi_uint8_array, "a Uint8Array"}, {napi_int8_array, "an Int8Array"}, {napi_float32_array, "a Float32Array"}};
  for (size_t i = 0; i < count; i++) {
    const TensorForm form = tensorForm(shape, i);
    const auto& expected = types[(size_t)form.type];
    void* data;
    size_t values;
    if (!readTypedArray(env, elements[i], expected.type, &data, &values)) {
      char message[100];
      snprintf(message, sizeof message, "`tensors[%zu]` must be %s.", i, expected.name);
      return throwType(env, message);
    }
    if (values != form.length) return throwRange(env, "`tensors[%zu]` must have %zu values; got %zu.", i, form.length, values);
    tensors[i] = data;
  }
  return true;
}
