import { labelCount } from "../compiler/architectures/label-count.ts";
import { Checkpoint } from "../compiler/checkpoint.ts";
import { checkCheckpoint } from "../compiler/compile-model.ts";
import type { PreparedModel } from "../graphs/prepared-model.ts";
import { openCheckpointWeights } from "../safetensors/open-checkpoint-weights.ts";
import type { SafetensorsSource } from "../safetensors/open-safetensors.ts";
import type { NativeGate } from "../sessions/native-gate.ts";
import { chooseEngine, type NativeChoice, sizeProblem } from "./choose-engine.ts";
import { leaveToRuntime } from "./leave-to-runtime.ts";
import { loadNativeModel } from "./load-native-model.ts";
import type { NativeShape, WordsPlace } from "./native-addon.ts";
import { CHECKPOINT_BATCH_TOKENS, NativeSession, outputNamed, type SharedModel } from "./native-session.ts";
import { nativeParts } from "./native-tensors.ts";
import { openModernbertSession } from "./open-modernbert-session.ts";
import { openPrunedSession } from "./open-pruned-session.ts";

/**
 * Opens a model in the native engine, or `undefined` where that does not run it and ONNX Runtime is to. No graph is
 * compiled, but a checkpoint is refused for what the compiler would refuse it for.
 *
 * @param shared what another worker has loaded of the same model; where it is gone, the model is loaded anew
 * @throws PgVectorDBError `model_invalid`, `model_not_found`
 */
export async function openNativeSession(
  { graph, device, threads }: Pick<PreparedModel, "graph" | "device" | "threads">,
  gate: NativeGate,
  shared?: SharedModel,
): Promise<NativeSession | undefined> {
  const choice = chooseEngine({ graph, device, threads, bytes: graph.bytes });
  if (choice.engine === "onnxruntime") return leaveToRuntime(choice.reason);
  const { addon } = choice;
  if (shared !== undefined) {
    const model = await gate.pass(async () => addon.joinModel(shared.id));
    if (model !== undefined) return new NativeSession({ ...shared, addon, model }, gate);
  }
  if (graph.kind === "onnx") return openPrunedSession(choice, graph, gate);
  if (choice.kind === "onnx") return undefined;
  if (choice.kind === "modernbert") return openModernbertSession(choice, graph, gate);
  const weights = await openCheckpointWeights(graph.weightsPath);
  try {
    checkCheckpoint({ config: graph.config, weights, ...graph.options });
    return await createSession(choice, weights, gate);
  } finally {
    await weights.close();
  }
}

async function createSession(
  { addon, units, arithmetic, family, sizes, output }: NativeChoice,
  weights: SafetensorsSource,
  gate: NativeGate,
): Promise<NativeSession | undefined> {
  const checkpoint = Checkpoint.of(weights);
  const labels = output === "logits" ? labelCount({ checkpoint }, family.head.out) : undefined;
  const problem = sizeProblem(sizes, labels);
  if (problem !== undefined) return leaveToRuntime(problem);
  const shape: NativeShape = {
    hidden: sizes.hidden,
    inner: sizes.intermediate,
    heads: sizes.heads,
    layers: sizes.layers,
    embeddingSize: sizes.embeddingSize,
    vocabulary: sizes.vocabulary,
    positions: sizes.positions,
    types: sizes.tokenTypes,
    positionOffset: sizes.paddingId === undefined ? 0 : sizes.paddingId + 1,
    epsilon: sizes.epsilon,
    output,
    labels,
    headActivation: family.head.activation,
  };
  const create = (place: WordsPlace | undefined) => addon.createModel(shape, [], arithmetic, units, place);
  const parts = nativeParts(checkpoint, family, { ...sizes, labels });
  const model = await loadNativeModel({ ...parts, addon, create }, gate);
  if (model === undefined) return undefined;
  const use = {
    types: shape.types,
    output: outputNamed(labels, sizes.hidden),
    batchTokens: CHECKPOINT_BATCH_TOKENS[arithmetic],
  };
  return new NativeSession({ ...use, addon, model }, gate);
}
