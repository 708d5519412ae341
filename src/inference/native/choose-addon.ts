import { type FoundAddon, NATIVE_VECTORS, type NativeVectors } from "./native-addon.ts";
import type { NativeSwitch } from "./native-switch.ts";

/**
 * The addon that runs models here, or why there is none: the first that does, the widest vectors first, and no other is loaded behind it.
 * The one for AVX2 alone is left to the processors that it was made for unless it is asked for.
 */
export function chooseAddon(wanted: NativeSwitch, load: (vectors: NativeVectors) => FoundAddon): FoundAddon {
  const asked = NATIVE_VECTORS.find((vectors) => vectors === wanted);
  if (asked !== undefined) return load(asked);
  const reasons: string[] = [];
  for (const vectors of NATIVE_VECTORS) {
    const found = load(vectors);
    if (!("missing" in found) && found.isPreferred) return found;
    reasons.push("missing" in found ? found.missing : ONLY_FOR_AMD);
  }
  return { missing: [...new Set(reasons)].join("; ") };
}

const ONLY_FOR_AMD =
  "the kernels for AVX2 are for AMD's without AVX-512 and AVX-VNNI alone, unless `PGVECTORDB_NATIVE=avx2` asks for them";
