import type { FoundAddon, NativeVectors } from "./native-addon.ts";
import type { NativeSwitch } from "./native-switch.ts";

/**
 * The addon that runs models here, or why there is none. The one for AVX2 is loaded only where the other does not run, and is
 * left to the processors that it was made for unless it is asked for.
 */
export function chooseAddon(wanted: NativeSwitch, load: (vectors: NativeVectors) => FoundAddon): FoundAddon {
  if (wanted === "avx2") return load("avx2");
  const widest = load("avx512");
  if (!("missing" in widest)) return widest;
  const other = load("avx2");
  if ("missing" in other || other.isPreferred) return other;
  return {
    missing: `${widest.missing}, and the kernels for AVX2 are for AMD's without AVX-512 and AVX-VNNI alone, unless \`PGVECTORDB_NATIVE=avx2\` asks for them`,
  };
}
