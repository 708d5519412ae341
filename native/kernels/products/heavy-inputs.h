// Inputs whose weights are too large for eight bits beside the others' of the same output. In the middle layers of a MiniLM an eighth of the feed-forward layer's
// outputs have a weight that is 8 to 38 times the root mean square of all, whose scale would leave the rest few of their 127 steps. These weights come from a few inputs, which are there twice
// (quantized-product.h): a row has their bytes once more, and the matrix the high bytes of their weights.
#pragma once
#include "outliers.h"

/** The inputs with the largest sum, over the outputs, of (weight / root mean square of the output's)^4. */
static void findHeavyInputs(int32_t* heavy, const float* weights, int inputs, int outputs) {
  float sums[MAX_INNER] = {};
  for (int output = 0; output < outputs; output++) {
    const float* w = weights + (size_t)output * (size_t)inputs;
    double squares = 1e-60;  // of the largest float32 a double has the square
    for (int k = 0; k < inputs; k++) squares += (double)w[k] * w[k];
    const double factor = inputs / squares;
    for (int k = 0; k < inputs; k++) {
      const float square = (float)(factor * w[k] * w[k]);
      sums[k] += square * square;
    }
  }
  chooseLargest(heavy, sums, inputs);
}
