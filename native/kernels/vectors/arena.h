// One mapping for everything that lives as long: laid out twice by the same code, first without memory to learn its size, then in it.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)0)
#endif

/** With huge pages a product waits less for address translation: up to 1 % of a run of MiniLM on Zen 4, for 3 MB. */
constexpr size_t HUGE_PAGE = (size_t)2 << 20;

struct Mapping {
  void* start = nullptr;
  size_t size = 0;
  char* aligned = nullptr;

  bool allocate(size_t bytes) {
    const size_t whole = bytes + HUGE_PAGE;
    void* at = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return false;
    start = at;
    size = whole;
    aligned = (char*)(((uintptr_t)at + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    madvise(aligned, bytes, MADV_HUGEPAGE);  // advice: where it is refused, pages are small
    return true;
  }
  void release() {
    if (start) {
      ASAN_UNPOISON_MEMORY_REGION(start, size);
      munmap(start, size);
    }
    *this = Mapping();
  }
};

struct Arena {
  char* base = nullptr;
  size_t used = 0;

  /** Memory of cache lines, all zero. Five lines between two pieces, so that they do not begin on the same sets of the caches. */
  template <class T>
  void take(T*& pointer, size_t count) {
    pointer = base ? (T*)(base + used) : nullptr;
    const size_t bytes = count * sizeof(T), whole = (bytes + 63) / 64 * 64 + 320;
    if (base) ASAN_POISON_MEMORY_REGION(base + used + bytes, whole - bytes);
    used += whole;
  }
};

/** Maps as much as `layOut` takes of an arena, and lays it out there. False where there is no memory. */
template <class LayOut>
static bool mapLaidOut(Mapping& mapping, const LayOut& layOut) {
  Arena measure;
  layOut(measure);
  if (!mapping.allocate(measure.used)) return false;
  Arena arena;
  arena.base = mapping.aligned;
  layOut(arena);
  return true;
}

/** Makes room for `needed` rows in a workspace. On failure there is none, and the next run tries again. */
template <class AnyWorkspace, class AnyShape>
static bool reserve(AnyWorkspace& w, const AnyShape& shape, int needed) {
  if (w.mapping.start && needed <= w.capacity) return true;
  w.mapping.release();
  w.capacity = (needed + 127) / 128 * 128;
  return mapLaidOut(w.mapping, [&](Arena& arena) { layOut(w, shape, w.capacity, arena); });
}
