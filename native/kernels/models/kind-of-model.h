// What models of all kinds do alike: memory for weights that threads share, and room of their own to run them in.
#pragma once
#include <stdlib.h>

#include "../../shared-weights.h"
#include "../vectors/arena.h"
#include "../products/quantized-rows.h"

static void setUnits(QuantizedRows& rows, Units units) { rows.units = units; }
/** In float32 the kind says it. */
template <class Rows>
static void setUnits(Rows&, Units) {}

/** Weights that are nothing but memory. */
template <class WeightsOf>
static void letGo(WeightsOf&) {}

template <class ShapeOf, class WeightsOf, class WorkspaceOf>
struct KindOfModel {
  struct Shared : SharedWeights {
    ShapeOf shape;
    Units units;
    WeightsOf weights;
    Mapping mapping;
  };

  struct Own : Model {
    WorkspaceOf workspace;
  };

  static Shared& sharedOf(const Model* model) { return *(Shared*)model->weights; }
  static WorkspaceOf& workspaceOf(Model* model) { return ((Own*)model)->workspace; }

  /** A model whose weights are all zero and have no id yet. */
  static Model* create(const ModelCalls& calls, const ShapeOf& shape, Units units, int longest, int outputs) {
    Shared* shared = (Shared*)calloc(1, sizeof(Shared));
    if (!shared) return nullptr;
    shared->calls = &calls;
    shared->shape = shape;
    shared->units = units;
    shared->longest = longest;
    shared->outputs = outputs;
    shared->users = 1;
    if (!mapLaidOut(shared->mapping, [&](Arena& arena) { layOut(shared->weights, shape, arena); })) {
      leave(shared);
      return nullptr;
    }
    shared->bytes = shared->mapping.size;
    return make(shared);
  }

  static Model* make(SharedWeights* weights) {
    Own* own = (Own*)calloc(1, sizeof(Own));
    if (!own) {
      leave((Shared*)weights);
      return nullptr;
    }
    own->weights = weights;
    setUnits(own->workspace.rows, ((Shared*)weights)->units);
    return own;
  }

  static size_t memory(const Model* model) { return ((const Own*)model)->workspace.mapping.size; }

  static void destroy(Model* model) {
    workspaceOf(model).mapping.release();
    leave((Shared*)model->weights);
    free(model);
  }

  static void leave(Shared* shared) {
    if (!leaveWeights(shared)) return;
    letGo(shared->weights);
    shared->mapping.release();
    free(shared);
  }
};
