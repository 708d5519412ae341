// Words that stay in their file, read for each run. A file that became shorter or was written to is noticed; one that was mapped would end the process.
#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../words-file.h"
#include "../vectors/vectors.h"

static size_t bytesOf(WordFormat format) { return format == WordFormat::float32 ? sizeof(float) : sizeof(uint16_t); }

/** Whether the file is as it was when `file` was filled in, or fills it in. */
static bool isSame(WordsFile& file, bool isFirst) {
  struct stat now;
  if (fstat(file.descriptor, &now) != 0 || !S_ISREG(now.st_mode)) return false;
  if (isFirst) {
    file.size = now.st_size;
    file.seconds = now.st_mtim.tv_sec;
    file.nanoseconds = now.st_mtim.tv_nsec;
  }
  return file.size == now.st_size && file.seconds == now.st_mtim.tv_sec && file.nanoseconds == now.st_mtim.tv_nsec;
}

/** Opens a file (never waiting for one that is a pipe) that has `rows` rows of `columns` numbers at its start. False where it has not. */
static bool openWords(WordsFile& file, const char* path, size_t rows, size_t columns) {
  file.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  file.isOpen = file.descriptor >= 0;
  return file.isOpen && isSame(file, true) && file.start >= 0 && file.start <= file.size &&
         rows * columns * bytesOf(file.format) <= (size_t)(file.size - file.start);
}

static void closeWords(WordsFile& file) {
  if (file.isOpen) close(file.descriptor);
  file.isOpen = false;
}

/** A multiple of 16 halves as floats, in place: they stand at the end of where the floats go. */
static void widen(float* row, const uint16_t* halves, size_t count, WordFormat format) {
  for (size_t i = 0; i < count; i += 8) {
    const __m128i eight = _mm_loadu_si128((const __m128i*)(halves + i));
    _mm256_storeu_ps(row + i, format == WordFormat::float16 ? _mm256_cvtph_ps(eight) : _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(eight), 16)));
  }
}

/** The rows of `count` tokens, of `columns` floats each. False where the file was changed or cannot be read. */
static bool readWords(const WordsFile& file, const int32_t* tokens, size_t count, size_t columns, float* rows) {
  const size_t bytes = columns * bytesOf(file.format);
  WordsFile seen = file;
  for (size_t i = 0; i < count; i++, rows += columns) {
    char* to = (char*)(rows + columns) - bytes;
    for (size_t done = 0; done < bytes;) {
      const ssize_t got = pread(file.descriptor, to + done, bytes - done, file.start + (int64_t)((size_t)tokens[i] * bytes + done));
      if (got <= 0) return false;
      done += (size_t)got;
    }
    if (file.format != WordFormat::float32) widen(rows, (const uint16_t*)to, columns, file.format);
  }
  return isSame(seen, false);
}
