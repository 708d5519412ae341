// Whether this processor and system run the kernels: what their compiler flags allow the compiler to use, and the system's word that it keeps the registers.
#pragma once
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline bool processorIsSupported() {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(1, 0, &a, &b, &c, &d)) return false;
  const unsigned needed1 = 1u << 12 | 1u << 22 | 1u << 23 | 1u << 27 | 1u << 28 | 1u << 29;  // FMA, MOVBE, POPCNT, OSXSAVE, AVX, F16C
  if ((c & needed1) != needed1) return false;

  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 0xe6) != 0xe6) return false;  // SSE, AVX and the three parts of AVX-512 (Intel's manual, volume 1, 13.3)

  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  // BMI1, AVX2, BMI2, AVX-512 F, DQ, CD, BW, VL
  const unsigned needed7 = 1u << 3 | 1u << 5 | 1u << 8 | 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
  if ((b & needed7) != needed7) return false;
  if (!(c & 1u << 11)) return false;  // AVX-512 VNNI

  if (!__get_cpuid_count(7, 1, &a, &b, &c, &d)) return false;
  if (!(a & 1u << 5)) return false;  // AVX-512 BF16
  if (!__get_cpuid_count(0x80000001, 0, &a, &b, &c, &d)) return false;
  return (c & 1u << 5) != 0;  // LZCNT
}

/**
 * Whether a supported processor multiplies whole tiles too (AMX with int8 and bfloat16), and the system lets this process do it: their registers are so large that Linux gives
 * them to those who ask (Documentation/arch/x86/xstate.rst), and not where a thread's stack for signals has no room for them.
 */
static inline bool processorHasTiles() {
  unsigned a, b, c, d, low, high;
  if (!processorIsSupported() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  const unsigned needed = 1u << 22 | 1u << 24 | 1u << 25;  // AMX-BF16, AMX-TILE, AMX-INT8
  if ((d & needed) != needed) return false;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 0x60000) != 0x60000) return false;
  constexpr long REQUEST_PERMISSION = 0x1023, TILE_DATA = 18;
  return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
