import type { OnnxGraph } from "../graphs/model-graph.ts";
import type { NativeGate } from "../sessions/native-gate.ts";
import type { OnnxCandidate } from "./choose-engine.ts";
import { leaveToRuntime } from "./leave-to-runtime.ts";
import type { NativeModel } from "./native-addon.ts";
import { NativeSession } from "./native-session.ts";
import { readPrunedModel } from "./read-pruned-model.ts";

/** A query is read once, and after the first layer less than two fifths of short pairs are left: of eight with 78 tokens some 230 rows. */
const BATCH_TOKENS = 640;

/** Opens an ONNX file in the native engine, or `undefined` where it is not the package's own reranker. */
export async function openPrunedSession(
  { addon, units }: Pick<OnnxCandidate, "addon" | "units">,
  { path, bytes }: Pick<OnnxGraph, "path" | "bytes">,
  gate: NativeGate,
): Promise<NativeSession | undefined> {
  const read = await readPrunedModel(path, bytes);
  if (typeof read === "string") return leaveToRuntime(read);
  return gate.pass(async () => {
    let model: NativeModel;
    try {
      model = addon.createPrunedModel(read.shape, read.tensors, units);
    } catch (error) {
      return leaveToRuntime(`it refused the weights: ${error}`);
    }
    return new NativeSession(
      { addon, model, types: 2, output: { name: "logits", width: 1 }, batchTokens: BATCH_TOKENS },
      gate,
    );
  });
}
