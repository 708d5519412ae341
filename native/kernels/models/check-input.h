// What both engines check of what they are given.
#pragma once
#include <string.h>

#include "../../engine.h"

/** By the bits: fast arithmetic may take it that there is nothing else. */
static bool isFinite(const float* values, size_t count) {
  constexpr size_t TOGETHER = 4096;  // without a way out, so that a compiler takes many at once
  for (size_t at = 0; at < count; at += TOGETHER) {
    const size_t end = count - at < TOGETHER ? count : at + TOGETHER;
    uint32_t found = 0;
    for (size_t i = at; i < end; i++) {
      uint32_t bits;
      memcpy(&bits, values + i, sizeof bits);
      found |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    if (found) return false;
  }
  return true;
}

/** Copies a run to the workspace, where nobody changes it, and checks its texts' lengths: each from 1 to `longest`, and together all tokens. */
template <class AnyWorkspace>
static Outcome copyRun(AnyWorkspace& w, const Run& run, int longest, size_t* detail) {
  memcpy(w.tokens, run.tokens, run.tokenCount * sizeof(int32_t));
  memcpy(w.types, run.types, run.tokenCount * sizeof(int32_t));
  memcpy(w.lengths, run.lengths, run.pairCount * sizeof(int32_t));
  size_t tokens = 0;
  for (size_t i = 0; i < run.pairCount; i++) {
    *detail = i;
    if (w.lengths[i] < 1 || w.lengths[i] > longest) return Outcome::badLength;
    tokens += (size_t)w.lengths[i];
  }
  return tokens == run.tokenCount ? Outcome::done : Outcome::badCount;
}

/** The same, and its tokens and types, which are of `vocabulary` and of `types`. */
template <class AnyWorkspace>
static Outcome copyAndCheck(AnyWorkspace& w, const Run& run, int longest, int vocabulary, int types, size_t* detail) {
  const Outcome copied = copyRun(w, run, longest, detail);
  if (copied != Outcome::done) return copied;
  for (size_t i = 0; i < run.tokenCount; i++) {
    *detail = i;
    if (w.tokens[i] < 0 || w.tokens[i] >= vocabulary) return Outcome::badToken;
    if (w.types[i] < 0 || w.types[i] >= types) return Outcome::badType;
  }
  return Outcome::done;
}
