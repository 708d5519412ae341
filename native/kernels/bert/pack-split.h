// From PyTorch's weights to those that are multiplied in three parts by tiles.
#pragma once
#include "../vectors/activations.h"
#include "../products/split-product.h"

/** In three parts, by tiles: of each 32 inputs the first sixteen and the others take turns. */
static void packRows(SplitMatrix& matrix, int first, const float* weights, const float* biases, int rows, float factor, Activations) {
  for (int row = 0; row < rows; row++, weights += matrix.inputs) {
    const int output = first + row;
    uint16_t* to = matrix.at(output);
    const Floats scale = splat(factor);
    for (int input = 0; input < matrix.inputs; input += TILE_INPUTS, to += 2 * SPLIT_PARTS * TILE_NUMBERS) {
      alignas(64) uint32_t parts[SPLIT_PARTS][TILE_ROWS];
      splitNumbers<TILE_INPUTS>(multiply(load(weights + input), scale), multiply(load(weights + input + 16), scale), (uint16_t*)parts);
      for (int part = 0; part < SPLIT_PARTS; part++) {
        for (int pair = 0; pair < TILE_ROWS; pair++) memcpy(to + (part * 2 * TILE_ROWS + pair) * TILE_INPUTS, &parts[part][pair], sizeof(uint32_t));
      }
    }
    matrix.biases[output] = biases[row] * factor;
  }
}

static void completeMatrix(SplitMatrix&) {}
static void findHeavyInputs(SplitMatrix&, const float*) {}
