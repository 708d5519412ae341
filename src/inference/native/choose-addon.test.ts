import { describe, expect, test } from "vitest";
import { chooseAddon } from "./choose-addon.ts";
import { type FoundAddon, NATIVE_VECTORS, type NativeAddon, type NativeVectors } from "./native-addon.ts";

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

const [bf16, vnni, narrowVnni, narrow] = NATIVE_VECTORS.map((vectors) => addonOf(vectors)) as [
  NativeAddon,
  NativeAddon,
  NativeAddon,
  NativeAddon,
];
const foreign = addonOf("avx2", false);

/** A machine's addons, and which of them were loaded. */
function machine(...addons: readonly NativeAddon[]) {
  const loaded: NativeVectors[] = [];
  const load = (vectors: NativeVectors): FoundAddon => {
    loaded.push(vectors);
    return addons.find((addon) => addon.vectors === vectors) ?? { missing: `no ${vectors}` };
  };
  return { load, loaded };
}

describe("the addon", () => {
  test.each([
    ["Zen 4", bf16, [bf16, vnni, foreign]],
    ["Zen 5", bf16, [bf16, vnni, narrowVnni, foreign]],
    ["Ice Lake", vnni, [vnni, foreign]],
    ["Alder Lake", narrowVnni, [narrowVnni, foreign]],
    ["Zen 3", narrow, [narrow]],
  ])("is the widest that runs on %s, and none behind it is loaded", (_, expected, addons) => {
    for (const wanted of ["on", "vectors"] as const) {
      const { load, loaded } = machine(...addons);
      expect(chooseAddon(wanted, load)).toBe(expected);
      expect(loaded).toEqual(NATIVE_VECTORS.slice(0, NATIVE_VECTORS.indexOf(expected.vectors) + 1));
    }
  });

  test("is none where there is only one for AVX2 that was made for other processors, with all reasons", () => {
    const found = chooseAddon("on", machine(foreign).load);
    const reasons = /^no avx512-bf16; no avx512-vnni; no avx2-vnni; .*AMD's.*`PGVECTORDB_NATIVE=avx2`/;
    expect(found).toEqual({ missing: expect.stringMatching(reasons) });
  });

  test("is none where none loads, and a reason that all have is said once", () => {
    expect(chooseAddon("on", () => ({ missing: "no build" }))).toEqual({ missing: "no build" });
  });

  test("is the one that is asked for on any processor, and no other is loaded", () => {
    for (const asked of [bf16, vnni, narrowVnni, foreign]) {
      const { load, loaded } = machine(bf16, vnni, narrowVnni, foreign);
      expect(chooseAddon(asked.vectors, load)).toBe(asked);
      expect(loaded).toEqual([asked.vectors]);
    }
    expect(chooseAddon("avx2", machine(bf16).load)).toEqual({ missing: "no avx2" });
  });
});
