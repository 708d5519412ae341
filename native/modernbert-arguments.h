// Reading JavaScript's description of a ModernBERT, by the rules of arguments.h.
#pragma once
#include "arguments.h"
#include "modernbert-engine.h"

static inline bool readEpsilon(napi_env env, napi_value object, const char* name, float* epsilon) {
  double value;
  if (!readNumber(env, object, name, &value)) return false;
  if (!(value > 0 && value <= 1)) return throwRange(env, "`%s` must be above 0 and at most 1; got %g.", name, value);
  *epsilon = (float)value;
  return true;
}

/** One byte for each layer: 1 for a global one, 0 for a local one. */
static inline bool readIsGlobal(napi_env env, napi_value property, ModernbertShape* shape) {
  void* data;
  size_t length;
  if (!readTypedArray(env, property, napi_uint8_array, &data, &length)) return throwType(env, "`isGlobal` must be a Uint8Array.");
  if (length != (size_t)shape->layers) return throwRange(env, "`isGlobal` must have %d elements, one for each layer; got %zu.", shape->layers, length);
  for (size_t i = 0; i < length; i++) shape->isGlobal[i] = ((const uint8_t*)data)[i] != 0;
  return true;
}

static inline bool readModernbertShape(napi_env env, napi_value object, ModernbertShape* shape) {
  napi_valuetype type;
  if (napi_typeof(env, object, &type) != napi_ok || type != napi_object) return throwType(env, "`shape` must be an object.");
  const char *const outputs[] = {"logits", "embedding"}, *const poolings[] = {"cls", "mean"}, *const activations[] = {"gelu", "none"};
  int output = 0, pooling = 0, activation = 0;
  napi_value isGlobal;
  if (!readInteger(env, object, "hidden", 64, MAX_HIDDEN, &shape->hidden) || !readInteger(env, object, "inner", 64, MAX_INNER, &shape->inner) ||
      !readInteger(env, object, "heads", 1, MAX_HEADS, &shape->heads) || !readInteger(env, object, "layers", 1, MAX_LAYERS, &shape->layers) ||
      !readInteger(env, object, "vocabulary", 1, MAX_VOCABULARY, &shape->vocabulary) ||
      !readInteger(env, object, "positions", 1, MAX_LENGTH, &shape->positions) || !readInteger(env, object, "reach", 0, MAX_LENGTH, &shape->reach) ||
      !readEpsilon(env, object, "epsilon", &shape->epsilon) || !readChoiceOf(env, object, "pooling", poolings, &pooling) ||
      !readChoiceOf(env, object, "output", outputs, &output)) {
    return false;
  }
  shape->hasHead = output == 0;
  if (shape->hasHead && (!readInteger(env, object, "labels", 1, MAX_LABELS, &shape->labels) || !readEpsilon(env, object, "headEpsilon", &shape->headEpsilon) ||
                         !readChoiceOf(env, object, "headActivation", activations, &activation))) {
    return false;
  }
  if (napi_get_named_property(env, object, "isGlobal", &isGlobal) != napi_ok) return throwPending(env);
  if (!readIsGlobal(env, isGlobal, shape)) return false;
  shape->pooling = (Pooling)pooling;
  shape->headActivation = (ModernbertHeadActivation)activation;
  if (shape->hidden % 64) return throwRange(env, "`hidden` must be a multiple of 64; got %d.", shape->hidden);
  if (shape->inner % 64) return throwRange(env, "`inner` must be a multiple of 64; got %d.", shape->inner);
  if (shape->heads * 32 != shape->hidden && shape->heads * 64 != shape->hidden) {
    return throwRange(env, "`hidden / heads` must be 32 or 64; got %d / %d.", shape->hidden, shape->heads);
  }
  return true;
}
