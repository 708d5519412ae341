#include "shared-weights.h"

#include <sched.h>

namespace {

/** Weights with an id and a user. They are few. */
SharedWeights* first;
int64_t lastId;
bool isLocked;

/** Held for some instructions, so a thread that finds it taken only waits for its turn on the processor. */
struct Lock {
  Lock() {
    while (__atomic_test_and_set(&isLocked, __ATOMIC_ACQUIRE)) sched_yield();
  }
  ~Lock() { __atomic_clear(&isLocked, __ATOMIC_RELEASE); }
};

}  // namespace

void publish(SharedWeights* weights) {
  const Lock lock;
  weights->id = ++lastId;
  weights->next = first;
  first = weights;
}

SharedWeights* joinWeights(int64_t id) {
  const Lock lock;
  SharedWeights* weights = first;
  while (weights && weights->id != id) weights = weights->next;
  if (weights) weights->users++;
  return weights;
}

bool leaveWeights(SharedWeights* weights) {
  const Lock lock;
  if (--weights->users > 0) return false;
  for (SharedWeights** at = &first; *at; at = &(*at)->next) {
    if (*at != weights) continue;
    *at = weights->next;
    break;
  }
  return true;
}
