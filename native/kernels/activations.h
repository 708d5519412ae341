#pragma once

/** How the rows that a matrix will multiply are quantised: bytes around the zero point, or bytes from -GELU_SHIFT up. */
enum class Activations { aroundZeroPoint, shiftedGelu };
