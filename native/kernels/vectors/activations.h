// What a matrix needs to know of the rows that it will multiply.
#pragma once

/** How they are quantised: bytes around the zero point, or bytes from -GELU_SHIFT up. */
enum class Activations { aroundZeroPoint, shiftedGelu };
