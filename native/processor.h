// Whether this processor and system run the kernels, and whether they should: what the kernels' compiler flags allow the compiler to use, and the system's word that it keeps
// the registers. The build compiles it for each addon, with `KERNELS_FOR` as one of `Kernels`.
#pragma once
#include <cpuid.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/** What kernels are compiled for, widest first. Those for BF16 know the tiles of AMX too. */
enum class Kernels { avx512Bf16, avx512Vnni, avx2Vnni, avx2 };
constexpr Kernels KERNELS = Kernels::KERNELS_FOR;

struct KernelNames {
  const char *vectors, *needed;
};
constexpr KernelNames NAMES_OF_KERNELS[] = {
    {"avx512-bf16", "AVX-512 with VNNI and BF16"},
    {"avx512-vnni", "AVX-512 with VNNI"},
    {"avx2-vnni", "AVX2 with FMA and AVX-VNNI"},
    {"avx2", "AVX2 with FMA"},
};
constexpr KernelNames KERNEL_NAMES = NAMES_OF_KERNELS[(int)KERNELS];

struct Registers {
  unsigned a, b, c, d;
};

/** The processor's answer, zeros where it does not know the leaf. */
static inline Registers cpuid(unsigned leaf, unsigned subleaf = 0) {
  Registers found{};
  __get_cpuid_count(leaf, subleaf, &found.a, &found.b, &found.c, &found.d);
  return found;
}

template <class... Places>
constexpr unsigned bits(Places... places) {
  return (... | (1u << places));
}

static inline bool hasAll(unsigned value, unsigned needed) { return (value & needed) == needed; }

/** Registers that the system keeps when it turns to another thread (Intel's manual, volume 1, 13.3). */
static inline bool systemKeeps(unsigned needed) {
  if (!hasAll(cpuid(1).c, bits(27))) return false;  // OSXSAVE, without which the question cannot be asked
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return hasAll(low, needed);
}

/** What x86-64-v3 has beyond SSE. */
static inline bool hasAvx2() {
  return hasAll(cpuid(1).c, bits(12, 22, 23, 28, 29)) &&  // FMA, MOVBE, POPCNT, AVX, F16C
         hasAll(cpuid(7).b, bits(3, 5, 8)) &&             // BMI1, AVX2, BMI2
         hasAll(cpuid(0x80000001).c, bits(5)) &&          // LZCNT
         systemKeeps(bits(1, 2));                         // SSE, AVX
}

/** What x86-64-v4 has beyond that, and VNNI. */
static inline bool hasAvx512() {
  return hasAll(cpuid(7).b, bits(16, 17, 28, 30, 31)) &&  // AVX-512 F, DQ, CD, BW, VL
         hasAll(cpuid(7).c, bits(11)) &&                  // AVX-512 VNNI
         systemKeeps(bits(5, 6, 7));                      // the three parts of AVX-512
}

static inline bool hasAvx512Bf16() { return hasAll(cpuid(7, 1).a, bits(5)); }
static inline bool hasAvxVnni() { return hasAll(cpuid(7, 1).a, bits(4)); }

static inline bool isOfAmd() {
  const Registers vendor = cpuid(0);
  char name[12];
  memcpy(name, &vendor.b, 4);
  memcpy(name + 4, &vendor.d, 4);
  memcpy(name + 8, &vendor.c, 4);
  return memcmp(name, "AuthenticAMD", 12) == 0 || memcmp(name, "HygonGenuine", 12) == 0;
}

static inline bool processorIsSupported() {
  if (!hasAvx2()) return false;
  switch (KERNELS) {
    case Kernels::avx512Bf16: return hasAvx512() && hasAvx512Bf16();
    case Kernels::avx512Vnni: return hasAvx512();
    case Kernels::avx2Vnni: return hasAvxVnni();
    default: return true;
  }
}

/**
 * Whether a supported processor is one that these kernels were made for. Where there is AVX-512F or AVX-VNNI, ONNX Runtime multiplies with units that kernels for AVX2 leave
 * idle, and on Intel's processors without them nothing was measured.
 */
static inline bool processorIsPreferred() {
  if (KERNELS != Kernels::avx2) return true;
  const bool hasAvx512F = hasAll(cpuid(7).b, bits(16));
  return isOfAmd() && !hasAvx512F && !hasAvxVnni();
}

/**
 * Whether a supported processor multiplies whole tiles too (AMX with int8 and bfloat16), and the system lets this process do it: their registers are so large that Linux gives
 * them to those who ask (Documentation/arch/x86/xstate.rst), and not where a thread's stack for signals has no room for them. Other kernels than those for BF16 have none.
 */
static inline bool processorHasTiles() {
  if (KERNELS != Kernels::avx512Bf16 || !processorIsSupported()) return false;
  if (!hasAll(cpuid(7).d, bits(22, 24, 25)) || !systemKeeps(bits(17, 18))) return false;  // AMX-BF16, AMX-TILE, AMX-INT8
  constexpr long REQUEST_PERMISSION = 0x1023, TILE_DATA = 18;
  return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
