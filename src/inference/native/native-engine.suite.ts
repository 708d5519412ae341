import type { GoldenCase } from "../compiler/golden-checkpoint.suite.ts";
import type { CheckpointGraph } from "../model-graph.ts";
import type { EncodedInput } from "../pair-encoder.ts";
import { loadNativeAddon } from "./native-addon.ts";

const found = loadNativeAddon();

/** Why tests of the native engine cannot run here, for their names; empty where they do. */
export const nativeMissing = "missing" in found ? ` (skipped: ${found.missing})` : "";

/** A checkpoint as the main thread hands it to a worker. */
export function int8Graph(
  { config, weightsPath }: Pick<CheckpointGraph, "config" | "weightsPath">,
  cacheFolder = "nothing is compiled",
): CheckpointGraph {
  const options = { dtype: "int8", output: "logits", maskless: true } as const;
  return { kind: "checkpoint", bytes: 0, dtype: "int8", config, weightsPath, options, cacheFolder };
}

/** The texts of a batch without their padding. */
export function unpadded({ ids, mask, types }: GoldenCase): EncodedInput[] {
  return ids.map((row, index) => {
    const length = (mask[index] ?? []).reduce((sum, flag) => sum + flag, 0);
    return {
      ids: Int32Array.from(row.slice(0, length)),
      typeIds: Uint8Array.from((types[index] ?? []).slice(0, length)),
    };
  });
}
