// The weights that the process has, so that a thread finds those that another has loaded.
#pragma once
#include "model.h"

/** Gives complete weights an id, by which other threads find them. */
void publish(SharedWeights* weights);

/** The weights of that id, which count one user more from now on; none when the last has left. */
SharedWeights* joinWeights(int64_t id);

/** One user less. @returns whether it was the last, who frees them */
bool leaveWeights(SharedWeights* weights);
