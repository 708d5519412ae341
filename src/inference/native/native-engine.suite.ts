import type { GoldenCase } from "../compiler/golden-checkpoint.suite.ts";
import type { CheckpointGraph } from "../graphs/model-graph.ts";
import type { EncodedInput } from "../inputs/pair-encoder.ts";
import { planThreads } from "../workers/plan-threads.ts";
import { chooseEngine } from "./choose-engine.ts";
import { loadNativeAddon, NATIVE_VECTORS } from "./native-addon.ts";

/** A config.json that the engine takes. */
const TINY = {
  config: { model_type: "bert", hidden_size: 64, num_attention_heads: 2, intermediate_size: 64 },
  weightsPath: "",
};

/**
 * Has models run in the widest kernels that the processor has, where some would be left to ONNX Runtime because it is faster: those for AVX2 in one worker with two processors, float32
 * on Intel's without AMX. To be called before anything is asked of the engine.
 */
export function preferKernels(): void {
  const widest = NATIVE_VECTORS.find((vectors) => !("missing" in loadNativeAddon(vectors)));
  // biome-ignore lint/style/noProcessEnv: the switch is what a user would set.
  if (widest !== undefined) process.env["PGVECTORDB_NATIVE"] ??= widest;
}

/** Why tests of the native engine cannot run here, for their names; empty where they do. */
export const nativeMissing = missingWith(1);

/** The same for models in float32. */
export const nativeFloat32Missing = missingWith(1, "fp32");

/** The same for models in one worker thread, for which a machine may have too many processors. */
export async function nativeMissingInOneWorker(): Promise<string> {
  return missingWith((await planThreads(1, 1)).threads);
}

function missingWith(threads: number, dtype: CheckpointGraph["dtype"] = "int8"): string {
  const choice = chooseEngine({ graph: graphOf(TINY, dtype), device: "cpu", threads });
  return choice.engine === "native" ? "" : ` (skipped: ${choice.reason})`;
}

/** A checkpoint as the main thread hands it to a worker. */
export function graphOf(
  { config, weightsPath }: Pick<CheckpointGraph, "config" | "weightsPath">,
  dtype: CheckpointGraph["dtype"],
): CheckpointGraph {
  const options = { dtype, output: "logits", maskless: dtype === "int8" } as const;
  const cacheFolder = "nothing is compiled";
  return { kind: "checkpoint", bytes: 0, dtype, config, weightsPath, moduleWeights: [], options, cacheFolder };
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
