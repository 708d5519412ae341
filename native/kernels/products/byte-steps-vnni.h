// How many steps bytes have where VNNI multiplies them: one operation multiplies four unsigned ones by four signed ones in each lane and adds all up in 32 bits, exactly, so that
// both may have all that a byte can hold.
#pragma once

/** A row's bytes around zero are so much more than they mean, and what they mean is at most MOST_BYTE in magnitude. */
constexpr int ZERO_POINT = 128, MOST_BYTE = 127;
/** The same of high bytes (quantized-product.h), of rows and of weights. */
constexpr int HIGH_ZERO_POINT = 128, MOST_HIGH = 127;
/** What the largest of a row is that begins at zero. */
constexpr int MOST_UNSIGNED = 255;
/** Whether no sum of an output's integers can be cut, whatever the rows. */
static ALWAYS_INLINE bool isExact(const int8_t*, int) { return true; }
/** The least scale with which that may be so. */
static ALWAYS_INLINE float leastScale(const float*, int) { return 0; }
