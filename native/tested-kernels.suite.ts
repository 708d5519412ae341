import { createRequire } from "node:module";
import { describe } from "vitest";
import {
  loadNativeAddon,
  type ModernbertShape,
  NATIVE_VECTORS,
  type NativeAddon,
  type NativeArithmetic,
  type NativeModel,
  type NativeShape,
  type NativeUnits,
  type NativeVectors,
  nativeAddonFile,
  type PrunedShape,
  type PrunedTensor,
} from "../src/inference/native/native-addon.ts";
import type { EncodedPair } from "./reference-model.suite.ts";

/** For the names of tests. */
const NAMES: Readonly<Record<NativeVectors, string>> = {
  "avx512-bf16": "AVX-512 with BF16",
  "avx512-vnni": "AVX-512",
  "avx2-vnni": "AVX2 with VNNI",
  avx2: "AVX2",
};

/** One of the addons under test. */
export interface TestedAddon {
  readonly vectors: NativeVectors;
  readonly name: string;
  /** Why its tests are skipped, for their names; empty where they run. */
  readonly missing: string;
  /** @throws where something is missing */
  addon(): NativeAddon;
}

/** What a model is made with: an addon, an arithmetic, and what multiplies. */
export interface Kernels extends TestedAddon {
  readonly arithmetic: NativeArithmetic;
  readonly units: NativeUnits;
  createModel(shape: NativeShape, tensors: readonly Float32Array[]): TestedModel;
  createPrunedModel(shape: PrunedShape, tensors: readonly PrunedTensor[]): TestedModel;
  createModernbertModel(shape: ModernbertShape, tensors: readonly Float32Array[]): TestedModel;
}

/** A model, with the addon that made it. */
export interface TestedModel {
  readonly model: NativeModel;
  /** Logits or vectors of texts that share a run. */
  run(pairs: readonly EncodedPair[]): Float32Array;
  release(): void;
}

const ADDONS: readonly TestedAddon[] = NATIVE_VECTORS.map(testedAddon);

export const KERNELS: readonly Kernels[] = ADDONS.flatMap((addon) => {
  const units: readonly NativeUnits[] = addon.vectors === "avx512-bf16" ? ["vectors", "tiles"] : ["vectors"];
  return units.flatMap((unit) => [kernels(addon, "int8", unit), kernels(addon, "float32", unit)]);
});
export const FLOAT32_KERNELS = KERNELS.filter(({ arithmetic }) => arithmetic === "float32");
export const INT8_KERNELS = KERNELS.filter(({ arithmetic }) => arithmetic === "int8");

/** The same tests with each addon. */
export function describeAddons(title: string, defineTests: (tested: TestedAddon) => void): void {
  for (const one of ADDONS) {
    describe.skipIf(one.missing)(`${title}, for ${one.name}${one.missing}`, () => defineTests(one));
  }
}

/** The same tests with each of the kernels. */
export function describeKernels(title: string, all: readonly Kernels[], defineTests: (kernels: Kernels) => void): void {
  for (const one of all) {
    const units = one.units === "tiles" ? "tiles" : `vectors of ${one.name}`;
    describe.skipIf(one.missing)(`${title} in ${one.arithmetic} by ${units}${one.missing}`, () => defineTests(one));
  }
}

/** The addon's file, for threads and processes of their own. */
export const addonPath = (vectors: NativeVectors): string =>
  createRequire(import.meta.url).resolve(nativeAddonFile(vectors));

function testedAddon(vectors: NativeVectors): TestedAddon {
  const found = loadNativeAddon(vectors);
  return {
    vectors,
    name: NAMES[vectors],
    missing: "missing" in found ? ` (skipped: ${found.missing})` : "",
    addon: () => {
      if ("missing" in found) throw new Error(found.missing);
      return found;
    },
  };
}

function kernels(tested: TestedAddon, arithmetic: NativeArithmetic, units: NativeUnits): Kernels {
  const { addon } = tested;
  const lacksTiles = tested.missing === "" && units === "tiles" && addon().units !== "tiles";
  return {
    ...tested,
    arithmetic,
    units,
    missing: lacksTiles ? " (skipped: this processor, or this system, has no AMX)" : tested.missing,
    createModel: (shape, tensors) => testedModel(addon(), addon().createModel(shape, tensors, arithmetic, units)),
    createPrunedModel: (shape, tensors) => testedModel(addon(), addon().createPrunedModel(shape, tensors, units)),
    createModernbertModel: (shape, tensors) =>
      testedModel(addon(), addon().createModernbertModel(shape, tensors, arithmetic, units)),
  };
}

export function testedModel(addon: NativeAddon, model: NativeModel): TestedModel {
  return {
    model,
    run: (pairs) =>
      addon.run(
        model,
        Int32Array.from(pairs.flatMap(({ ids }) => ids)),
        Int32Array.from(pairs.flatMap(({ types }) => types)),
        Int32Array.from(pairs, ({ ids }) => ids.length),
      ),
    release: () => addon.release(model),
  };
}
