import { describe, expect, test } from "vitest";
import { chooseAddon } from "./choose-addon.ts";
import type { FoundAddon, NativeAddon, NativeVectors } from "./native-addon.ts";

const unused = (): never => {
  throw new Error("Nothing is run here.");
};
const addonOf = (vectors: NativeVectors, isPreferred = true): NativeAddon => ({
  vectors,
  isSupported: true,
  isPreferred,
  units: "vectors",
  createModel: unused,
  addWeights: unused,
  shareModel: unused,
  joinModel: unused,
  createModernbertModel: unused,
  createPrunedModel: unused,
  run: unused,
  release: unused,
});

const [wide, narrow] = [addonOf("avx512"), addonOf("avx2")];
const [noWide, noNarrow] = [{ missing: "no AVX-512" }, { missing: "no AVX2" }];

/** A machine's addons, and which of them were loaded. */
function machine(avx512: FoundAddon, avx2: FoundAddon) {
  const loaded: NativeVectors[] = [];
  const load = (vectors: NativeVectors): FoundAddon => {
    loaded.push(vectors);
    return vectors === "avx512" ? avx512 : avx2;
  };
  return { load, loaded };
}

describe("the addon", () => {
  test("is the one for AVX-512 where that runs, and the other is not loaded", () => {
    for (const wanted of ["on", "vectors"] as const) {
      const { load, loaded } = machine(wide, narrow);
      expect(chooseAddon(wanted, load)).toBe(wide);
      expect(loaded).toEqual(["avx512"]);
    }
  });

  test("is the one for AVX2 on a processor that this was made for", () => {
    for (const wanted of ["on", "vectors"] as const)
      expect(chooseAddon(wanted, machine(noWide, narrow).load)).toBe(narrow);
  });

  test("is none on another processor, with both reasons", () => {
    const found = chooseAddon("on", machine(noWide, addonOf("avx2", false)).load);
    expect(found).toEqual({ missing: expect.stringMatching(/no AVX-512.*AMD's.*`PGVECTORDB_NATIVE=avx2`/) });
  });

  test("is none where neither runs", () => {
    expect(chooseAddon("on", machine(noWide, noNarrow).load)).toEqual(noNarrow);
  });

  test("is the one for AVX2 on any processor when it is asked for, and the other is not loaded", () => {
    for (const avx2 of [narrow, addonOf("avx2", false), noNarrow]) {
      const { load, loaded } = machine(wide, avx2);
      expect(chooseAddon("avx2", load)).toBe(avx2);
      expect(loaded).toEqual(["avx2"]);
    }
  });
});
