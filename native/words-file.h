// Where the words of a model are that stay in their file: of a multilingual one they are a quarter of a billion numbers, of which a run reads some hundred rows.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum class WordFormat { float32, float16, bfloat16 };

struct WordsFile {
  bool isOpen;
  int descriptor;
  WordFormat format;
  /** Of the first row, in bytes. */
  int64_t start;
  /** By which it is seen that the file was changed: its length, and when it was written last. */
  int64_t size, seconds, nanoseconds;
};

/** Words that stay in a file, in the row order of their tensor. */
struct WordsPlace {
  const char* path;
  WordFormat format;
  int64_t start;
};
