import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { NATIVE_VECTORS, type NativeAddon, type NativeVectors } from "../src/inference/native/native-addon.ts";
import { randomTensors, smallShape } from "./random-model.suite.ts";
import { addonPath } from "./tested-kernels.suite.ts";

const AVX2 = "avx2 fma movbe popcnt f16c bmi1 bmi2 abm";
const AVX512 = `${AVX2} avx512f avx512dq avx512cd avx512bw avx512vl avx512_vnni`;
/** What an addon's kernels need, as Linux names it. */
const NEEDED: Readonly<Record<NativeVectors, string>> = {
  "avx512-bf16": `${AVX512} avx512_bf16`,
  "avx512-vnni": AVX512,
  "avx2-vnni": `${AVX2} avx_vnni`,
  avx2: AVX2,
};
/** What it says that a processor lacks. */
const LACKS: Readonly<Record<NativeVectors, string>> = {
  "avx512-bf16": "AVX-512 with VNNI and BF16",
  "avx512-vnni": "AVX-512 with VNNI",
  "avx2-vnni": "AVX2 with FMA and AVX-VNNI",
  avx2: "AVX2 with FMA",
};

/** An addon whether or not this processor runs it; it loads on every one. */
function loadAny(vectors: NativeVectors): NativeAddon | undefined {
  try {
    return createRequire(import.meta.url)(addonPath(vectors)) as NativeAddon;
  } catch {
    return undefined; // not built here
  }
}

describe.each(NATIVE_VECTORS)("the addon of %s", (vectors) => {
  const addon = loadAny(vectors) as NativeAddon;
  const missing = addon === undefined ? " (skipped: it has no build that loads on this system)" : "";

  it.skipIf(missing)(`asks the processor for what Linux found there${missing}`, () => {
    const about = readFileSync("/proc/cpuinfo", "utf8");
    const lineOf = (name: string) => about.match(new RegExp(`^${name}\\s*: (.*)$`, "m"))?.[1] ?? "";
    const flags = new Set(lineOf("flags").split(" "));
    const isOfAmd = ["AuthenticAMD", "HygonGenuine"].includes(lineOf("vendor_id"));
    const isSupported = NEEDED[vectors].split(" ").every((flag) => flags.has(flag));
    const isPreferred = vectors !== "avx2" || (isOfAmd && !flags.has("avx512f") && !flags.has("avx_vnni"));
    const hasTiles = ["amx_tile", "amx_int8", "amx_bf16"].every((flag) => flags.has(flag));
    expect(addon).toMatchObject({ vectors, isSupported, isPreferred });
    // A system may refuse the tiles that a processor has.
    if (vectors !== "avx512-bf16" || !isSupported || !hasTiles) expect(addon.units).toBe("vectors");
  });

  const unneeded = addon?.isSupported ? " (skipped: it does)" : missing;
  it.skipIf(unneeded)(`makes no model where the processor does not run it${unneeded}`, () => {
    const shape = smallShape();
    const message = `This processor has no ${LACKS[vectors]}.`;
    expect(() => addon.createModel(shape, randomTensors(shape, 1), "int8")).toThrow(message);
  });
});
