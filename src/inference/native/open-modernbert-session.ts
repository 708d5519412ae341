import { Checkpoint } from "../compiler/checkpoint.ts";
import { checkCheckpoint } from "../compiler/compile-model.ts";
import type { CheckpointGraph } from "../graphs/model-graph.ts";
import { openModelWeights } from "../safetensors/open-model-weights.ts";
import type { SafetensorsSource } from "../safetensors/open-safetensors.ts";
import type { NativeGate } from "../sessions/native-gate.ts";
import { type ModernbertChoice, modernbertSizeProblem } from "./choose-engine.ts";
import { leaveToRuntime } from "./leave-to-runtime.ts";
import { loadNativeModel } from "./load-native-model.ts";
import { modernbertLabels, modernbertParts } from "./modernbert-tensors.ts";
import type { WordsPlace } from "./native-addon.ts";
import { CHECKPOINT_BATCH_TOKENS, NativeSession, outputNamed } from "./native-session.ts";

/** Opens a ModernBERT in the native engine. @throws PgVectorDBError `model_invalid`, `model_not_found` */
export async function openModernbertSession(
  choice: ModernbertChoice,
  graph: CheckpointGraph,
  gate: NativeGate,
): Promise<NativeSession | undefined> {
  const weights = await openModelWeights(graph);
  try {
    checkCheckpoint({ config: graph.config, weights, ...graph.options });
    return await createSession(choice, weights, gate);
  } finally {
    await weights.close();
  }
}

async function createSession(
  { addon, units, arithmetic, model }: ModernbertChoice,
  weights: SafetensorsSource,
  gate: NativeGate,
): Promise<NativeSession | undefined> {
  const checkpoint = Checkpoint.of(weights);
  const labels = modernbertLabels(checkpoint, model);
  const problem = modernbertSizeProblem(model, labels);
  if (problem !== undefined) return leaveToRuntime(problem);
  const shape = { ...model.shape, labels };
  const create = (place: WordsPlace | undefined) => addon.createModernbertModel(shape, [], arithmetic, units, place);
  const native = await loadNativeModel({ ...modernbertParts(checkpoint, model), addon, create }, gate);
  if (native === undefined) return undefined;
  const use = {
    types: 1,
    output: outputNamed(labels, shape.hidden),
    batchTokens: CHECKPOINT_BATCH_TOKENS[arithmetic],
  };
  return new NativeSession({ ...use, addon, model: native }, gate);
}
