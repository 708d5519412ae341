// The addon's functions, as README.md documents them. Compiled for any x64 processor, once for the kernels of each kind of vectors.
#include <stdlib.h>

#include "arguments.h"
#include "engine.h"
#include "processor.h"
#include "pruned-arguments.h"

namespace {

/** What a model's JavaScript object holds: one of the two, none once it was released. */
struct Handle {
  Model* model;
  PrunedModel* pruned;
  int64_t reported;
};

// Any number that nothing else has: it tells our objects from those of another addon, and those of the two addons from each other.
constexpr napi_type_tag MODEL_TAG = {0x7d3c1f0a5b2e4c68, 0x9e84d6f1a07b3552 + KERNELS_FOR_AVX2};

/** V8 collects sooner when it knows what an object really costs. */
void reportMemory(napi_env env, Handle* handle) {
  const int64_t now = handle->model ? (int64_t)memoryOf(handle->model) : handle->pruned ? (int64_t)memoryOf(handle->pruned) : 0;
  int64_t total;
  if (now != handle->reported) napi_adjust_external_memory(env, now - handle->reported, &total);
  handle->reported = now;
}

void freeModel(napi_env env, Handle* handle) {
  destroyModel(handle->model);
  destroyPrunedModel(handle->pruned);
  handle->model = nullptr;
  handle->pruned = nullptr;
  reportMemory(env, handle);
}

void finalizeHandle(napi_env env, void* data, void*) {
  freeModel(env, (Handle*)data);
  free(data);
}

bool readArguments(napi_env env, napi_callback_info info, size_t expected, napi_value* values) {
  size_t count = expected;  // what is missing comes as undefined
  return napi_get_cb_info(env, info, &count, values, nullptr, nullptr) == napi_ok || throwPending(env);
}

Handle* readHandle(napi_env env, napi_value value) {
  napi_valuetype type;
  bool isModel = false;
  void* data = nullptr;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_object || napi_check_object_type_tag(env, value, &MODEL_TAG, &isModel) != napi_ok ||
      !isModel || napi_unwrap(env, value, &data) != napi_ok) {
    throwType(env, "`model` must be what `createModel` returned.");
    return nullptr;
  }
  return (Handle*)data;
}

bool throwOutcome(napi_env env, Outcome outcome, size_t detail) {
  switch (outcome) {
    case Outcome::done: return true;
    case Outcome::outOfMemory: napi_throw_error(env, nullptr, "There is not enough memory for the model."); return false;
    case Outcome::notFinite: return throwRange(env, "`tensors[%zu]` has a value that is not finite.", detail);
    case Outcome::badLength: return throwRange(env, "`lengths[%zu]` is less than 1 or more than the model's positions.", detail);
    case Outcome::badCount: return throwRange(env, "The sum of `lengths` must be the number of `ids`.");
    case Outcome::badToken: return throwRange(env, "`ids[%zu]` is outside the vocabulary.", detail);
    case Outcome::badType: return throwRange(env, "`types[%zu]` is no type of the model, or none that may stand there.", detail);
  }
  return false;
}

napi_value wrapModel(napi_env env, Model* model, PrunedModel* pruned) {
  Handle* handle = (Handle*)calloc(1, sizeof(Handle));
  napi_value object;
  if (!handle) {
    destroyModel(model);
    destroyPrunedModel(pruned);
    throwOutcome(env, Outcome::outOfMemory, 0);
    return nullptr;
  }
  handle->model = model;
  handle->pruned = pruned;
  if (napi_create_object(env, &object) != napi_ok || napi_wrap(env, object, handle, finalizeHandle, nullptr, nullptr) != napi_ok) {
    destroyModel(model);
    destroyPrunedModel(pruned);
    free(handle);
    throwPending(env);
    return nullptr;
  }
  // From here on the object's finalizer frees the model.
  if (napi_type_tag_object(env, object, &MODEL_TAG) != napi_ok) {
    throwPending(env);
    return nullptr;
  }
  reportMemory(env, handle);
  return object;
}

bool checkProcessor(napi_env env) {
  if (processorIsSupported()) return true;
  char message[100];
  snprintf(message, sizeof message, "This processor has no %s.", NEEDED_OF_PROCESSOR);
  napi_throw_error(env, nullptr, message);
  return false;
}

/** Asked once, when the addon is loaded. */
const Units bestUnits = processorHasTiles() ? Units::tiles : Units::vectors;

/** The best there are where nothing is said. */
bool readUnits(napi_env env, napi_value value, Units* units) {
  napi_valuetype type;
  bool isTiles = false;
  *units = bestUnits;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_undefined) return true;
  if (!readChoice(env, value, "units", "tiles", "vectors", &isTiles)) return false;
  if (isTiles && KERNELS_FOR_AVX2) return throwRange(env, "`units` must be \"vectors\": the kernels for AVX2 have no tiles.");
  if (isTiles && *units != Units::tiles) return throwRange(env, "`units` must be \"vectors\" here: this processor, or this system, has no AMX.");
  *units = isTiles ? Units::tiles : Units::vectors;
  return true;
}

napi_value createModelFunction(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  Shape shape{};
  Arithmetic arithmetic;
  Units units;
  const float* tensors[MAX_TENSORS];
  if (!readArguments(env, info, 4, arguments) || !checkProcessor(env)) return nullptr;
  if (!readShape(env, arguments[0], &shape) || !readArithmetic(env, arguments[2], &arithmetic) || !readUnits(env, arguments[3], &units) ||
      !readTensors(env, arguments[1], shape, tensors)) {
    return nullptr;
  }
  Model* model = nullptr;
  size_t detail = 0;
  const Outcome created = createModel(shape, arithmetic, units, tensors, &model, &detail);
  if (!throwOutcome(env, created, detail)) return nullptr;
  return wrapModel(env, model, nullptr);
}

napi_value createPrunedModelFunction(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  PrunedShape shape{};
  Units units;
  const void* tensors[MAX_PRUNED_TENSORS];
  if (!readArguments(env, info, 3, arguments) || !checkProcessor(env)) return nullptr;
  if (!readPrunedShape(env, arguments[0], &shape) || !readUnits(env, arguments[2], &units) || !readPrunedTensors(env, arguments[1], shape, tensors)) return nullptr;
  PrunedModel* model = nullptr;
  size_t detail = 0;
  const Outcome created = createPrunedModel(shape, units, tensors, &model, &detail);
  if (!throwOutcome(env, created, detail)) return nullptr;
  return wrapModel(env, nullptr, model);
}

/** @param longest tokens of the longest text */
bool readRun(napi_env env, const napi_value* arguments, int longest, Run* run) {
  size_t typeCount;
  if (!readInt32Array(env, arguments[1], "ids", &run->tokens, &run->tokenCount) || !readInt32Array(env, arguments[2], "types", &run->types, &typeCount) ||
      !readInt32Array(env, arguments[3], "lengths", &run->lengths, &run->pairCount)) {
    return false;
  }
  if (run->tokenCount != typeCount) return throwRange(env, "`types` must be as long as `ids` (%zu); got %zu.", run->tokenCount, typeCount);
  if (run->pairCount < 1 || run->pairCount > run->tokenCount) return throwRange(env, "`lengths` must have from 1 to %zu elements.", run->tokenCount);
  const size_t most = run->pairCount > 1 ? (size_t)MAX_RUN : (size_t)longest;
  if (run->tokenCount > most) return throwRange(env, "A run of %zu pairs has at most %zu tokens; got %zu.", run->pairCount, most, run->tokenCount);
  return true;
}

napi_value runFunction(napi_env env, napi_callback_info info) {
  napi_value arguments[4], buffer, result;
  if (!readArguments(env, info, 4, arguments)) return nullptr;
  Handle* handle = readHandle(env, arguments[0]);
  if (!handle) return nullptr;
  if (!handle->model && !handle->pruned) {
    napi_throw_error(env, nullptr, "The model was released.");
    return nullptr;
  }
  Run run;
  const int longest = handle->model ? longestText(shapeOf(handle->model)) : shapeOf(handle->pruned).positions;
  if (!readRun(env, arguments, longest, &run)) return nullptr;
  void* logits = nullptr;
  size_t detail = 0;
  const size_t values = run.pairCount * (size_t)(handle->model ? shapeOf(handle->model).labels : 1);
  if (napi_create_arraybuffer(env, values * sizeof(float), &logits, &buffer) != napi_ok) {
    throwPending(env);
    return nullptr;
  }
  const Outcome ran =
      handle->model ? runModel(handle->model, run, (float*)logits, &detail) : runPrunedModel(handle->pruned, run, (float*)logits, &detail);
  if (!throwOutcome(env, ran, detail)) return nullptr;
  reportMemory(env, handle);
  if (napi_create_typedarray(env, napi_float32_array, values, buffer, 0, &result) != napi_ok) {
    throwPending(env);
    return nullptr;
  }
  return result;
}

napi_value releaseFunction(napi_env env, napi_callback_info info) {
  napi_value model;
  if (!readArguments(env, info, 1, &model)) return nullptr;
  if (Handle* handle = readHandle(env, model)) freeModel(env, handle);
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value vectors, units, isSupported, isPreferred;
  if (napi_create_string_utf8(env, KERNELS_FOR_AVX2 ? "avx2" : "avx512", NAPI_AUTO_LENGTH, &vectors) != napi_ok ||
      napi_create_string_utf8(env, bestUnits == Units::tiles ? "tiles" : "vectors", NAPI_AUTO_LENGTH, &units) != napi_ok ||
      napi_get_boolean(env, processorIsSupported(), &isSupported) != napi_ok || napi_get_boolean(env, processorIsPreferred(), &isPreferred) != napi_ok) {
    return nullptr;
  }
  const napi_property_descriptor properties[] = {
      {"vectors", nullptr, nullptr, nullptr, nullptr, vectors, napi_enumerable, nullptr},
      {"units", nullptr, nullptr, nullptr, nullptr, units, napi_enumerable, nullptr},
      {"isSupported", nullptr, nullptr, nullptr, nullptr, isSupported, napi_enumerable, nullptr},
      {"isPreferred", nullptr, nullptr, nullptr, nullptr, isPreferred, napi_enumerable, nullptr},
      {"createModel", nullptr, createModelFunction, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"createPrunedModel", nullptr, createPrunedModelFunction, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"run", nullptr, runFunction, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"release", nullptr, releaseFunction, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  if (napi_define_properties(env, exports, sizeof properties / sizeof properties[0], properties) != napi_ok) return nullptr;
  return exports;
}
