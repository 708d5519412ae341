// The addon's functions, as README.md documents them. Compiled for any x64 processor, once for the kernels of each kind of vectors.
#include <stdlib.h>

#include "arguments.h"
#include "engine.h"
#include "modernbert-arguments.h"
#include "processor.h"
#include "pruned-arguments.h"
#include "shared-weights.h"

namespace {

/** What a model's JavaScript object holds: no model once it was released. */
struct Handle {
  Model* model;
  /** Whether the weights' memory is told with this handle, as it is with the one that loaded them. */
  bool isFirst;
  int64_t reported;
};

// Any number that nothing else has: it tells our objects from those of another addon, and those of our addons from each other.
constexpr napi_type_tag MODEL_TAG = {0x7d3c1f0a5b2e4c68, 0x9e84d6f1a07b3552 + (uint64_t)KERNELS};

const ModelCalls& callsOf(const Model* model) { return *model->weights->calls; }

/** V8 collects sooner when it knows what an object really costs. */
void reportMemory(napi_env env, Handle* handle) {
  const Model* model = handle->model;
  const size_t now = model ? callsOf(model).memory(model) + (handle->isFirst ? model->weights->bytes : 0) : 0;
  int64_t total;
  if ((int64_t)now != handle->reported) napi_adjust_external_memory(env, (int64_t)now - handle->reported, &total);
  handle->reported = (int64_t)now;
}

void freeModel(napi_env env, Handle* handle) {
  if (handle->model) callsOf(handle->model).destroy(handle->model);
  handle->model = nullptr;
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

/** As `readHandle`, for a model that was not released. */
Handle* readModel(napi_env env, napi_value value) {
  Handle* handle = readHandle(env, value);
  if (!handle || handle->model) return handle;
  napi_throw_error(env, nullptr, "The model was released.");
  return nullptr;
}

bool throwOutcome(napi_env env, Outcome outcome, size_t detail) {
  switch (outcome) {
    case Outcome::done: return true;
    case Outcome::incomplete: napi_throw_error(env, nullptr, "The model lacks some of its weights: give them to `addWeights` first."); return false;
    case Outcome::outOfMemory: napi_throw_error(env, nullptr, "There is not enough memory for the model."); return false;
    case Outcome::notFinite: return throwRange(env, "`tensors[%zu]` has a value that is not finite.", detail);
    case Outcome::badFile:
      napi_throw_error(env, nullptr, "The file of the model's words cannot be read, or is not what it was when the model was loaded.");
      return false;
    case Outcome::badLength: return throwRange(env, "`lengths[%zu]` is less than 1 or more than the model's positions.", detail);
    case Outcome::badCount: return throwRange(env, "The sum of `lengths` must be the number of `ids`.");
    case Outcome::badToken: return throwRange(env, "`ids[%zu]` is outside the vocabulary.", detail);
    case Outcome::badType: return throwRange(env, "`types[%zu]` is no type of the model, or none that may stand there.", detail);
  }
  return false;
}

napi_value wrapModel(napi_env env, Model* model, bool isFirst) {
  Handle* handle = (Handle*)calloc(1, sizeof(Handle));
  napi_value object;
  if (!handle) {
    callsOf(model).destroy(model);
    throwOutcome(env, Outcome::outOfMemory, 0);
    return nullptr;
  }
  handle->model = model;
  handle->isFirst = isFirst;
  if (napi_create_object(env, &object) != napi_ok || napi_wrap(env, object, handle, finalizeHandle, nullptr, nullptr) != napi_ok) {
    callsOf(model).destroy(model);
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
  snprintf(message, sizeof message, "This processor has no %s.", KERNEL_NAMES.needed);
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
  if (isTiles && KERNELS != Kernels::avx512Bf16) return throwRange(env, "`units` must be \"vectors\": these kernels have no tiles.");
  if (isTiles && *units != Units::tiles) return throwRange(env, "`units` must be \"vectors\" here: this processor, or this system, has no AMX.");
  *units = isTiles ? Units::tiles : Units::vectors;
  return true;
}

bool addNext(napi_env env, Model* model, const napi_value* elements, size_t count) {
  NextTensors next;
  if (!readTensors(env, elements, count, model->weights->form, model->weights->progress, &next)) return false;
  size_t detail = 0;
  if (count == 0) return true;
  const Outcome added = callsOf(model).add(model, next.data, count, next.wordRows, &detail);
  return throwOutcome(env, added, detail);
}

/** A model that takes its weights in parts: `read` reads its shape, and `create` makes it. */
template <class AnyShape, class Read, class Create>
napi_value createInParts(napi_env env, napi_callback_info info, const Read& read, const Create& create) {
  napi_value arguments[5], elements[MAX_TENSORS];
  char path[MAX_PATH];
  WordsPlace words = {path, WordFormat::float32, 0};
  AnyShape shape{};
  Arithmetic arithmetic;
  Units units;
  size_t count = 0;
  if (!readArguments(env, info, 5, arguments) || !checkProcessor(env)) return nullptr;
  if (!read(env, arguments[0], &shape) || !readArithmetic(env, arguments[2], &arithmetic) || !readUnits(env, arguments[3], &units) ||
      !readWordsPlace(env, arguments[4], path, &words, &shape.hasWordsFile) ||
      !readElements(env, arguments[1], MAX_TENSORS, elements, &count)) {
    return nullptr;
  }
  Model* model = nullptr;
  if (!throwOutcome(env, create(shape, arithmetic, units, words, &model), 0)) return nullptr;
  if (addNext(env, model, elements, count)) return wrapModel(env, model, true);
  callsOf(model).destroy(model);
  return nullptr;
}

napi_value createModelFunction(napi_env env, napi_callback_info info) { return createInParts<Shape>(env, info, readShape, createModel); }

napi_value createModernbertModelFunction(napi_env env, napi_callback_info info) {
  return createInParts<ModernbertShape>(env, info, readModernbertShape, createModernbertModel);
}

napi_value addWeightsFunction(napi_env env, napi_callback_info info) {
  napi_value arguments[2], elements[MAX_TENSORS];
  size_t count = 0;
  // The elements first: a getter among them could release the model.
  if (!readArguments(env, info, 2, arguments) || !readElements(env, arguments[1], MAX_TENSORS, elements, &count)) return nullptr;
  Handle* handle = readModel(env, arguments[0]);
  if (!handle) return nullptr;
  if (handle->model->weights->id) {
    throwRange(env, "The model has all of its weights.");
    return nullptr;
  }
  if (addNext(env, handle->model, elements, count)) reportMemory(env, handle);
  return nullptr;
}

napi_value createPrunedModelFunction(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  PrunedShape shape{};
  Units units;
  const void* tensors[MAX_PRUNED_TENSORS];
  if (!readArguments(env, info, 3, arguments) || !checkProcessor(env)) return nullptr;
  if (!readPrunedShape(env, arguments[0], &shape) || !readUnits(env, arguments[2], &units) || !readPrunedTensors(env, arguments[1], shape, tensors)) return nullptr;
  Model* model = nullptr;
  size_t detail = 0;
  const Outcome created = createPrunedModel(shape, units, tensors, &model, &detail);
  if (!throwOutcome(env, created, detail)) return nullptr;
  return wrapModel(env, model, true);
}

napi_value shareModelFunction(napi_env env, napi_callback_info info) {
  napi_value model, id;
  if (!readArguments(env, info, 1, &model)) return nullptr;
  Handle* handle = readModel(env, model);
  if (!handle) return nullptr;
  if (!handle->model->weights->id) {
    throwOutcome(env, Outcome::incomplete, 0);
    return nullptr;
  }
  if (napi_create_int64(env, handle->model->weights->id, &id) != napi_ok) {
    throwPending(env);
    return nullptr;
  }
  return id;
}

napi_value joinModelFunction(napi_env env, napi_callback_info info) {
  napi_value value;
  int64_t id = 0;
  if (!readArguments(env, info, 1, &value) || !checkProcessor(env)) return nullptr;
  if (napi_get_value_int64(env, value, &id) != napi_ok) {
    throwType(env, "`id` must be a number.");
    return nullptr;
  }
  SharedWeights* weights = joinWeights(id);
  if (!weights) return nullptr;  // undefined
  Model* model = weights->calls->make(weights);
  if (model) return wrapModel(env, model, false);
  throwOutcome(env, Outcome::outOfMemory, 0);
  return nullptr;
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
  Handle* handle = readModel(env, arguments[0]);
  if (!handle) return nullptr;
  Model* model = handle->model;
  const SharedWeights& weights = *model->weights;
  Run run;
  if (!readRun(env, arguments, weights.longest, &run)) return nullptr;
  void* outputs = nullptr;
  size_t detail = 0;
  const size_t values = run.pairCount * (size_t)weights.outputs;
  if (napi_create_arraybuffer(env, values * sizeof(float), &outputs, &buffer) != napi_ok) {
    throwPending(env);
    return nullptr;
  }
  const Outcome ran = weights.calls->run(model, run, (float*)outputs, &detail);
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
  if (napi_create_string_utf8(env, KERNEL_NAMES.vectors, NAPI_AUTO_LENGTH, &vectors) != napi_ok ||
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
      {"createModernbertModel", nullptr, createModernbertModelFunction, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"addWeights", nullptr, addWeightsFunction, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"shareModel", nullptr, shareModelFunction, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"joinModel", nullptr, joinModelFunction, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"run", nullptr, runFunction, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"release", nullptr, releaseFunction, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  if (napi_define_properties(env, exports, sizeof properties / sizeof properties[0], properties) != napi_ok) return nullptr;
  return exports;
}
