import { labelCount } from "../compiler/architectures/label-count.ts";
import { Checkpoint } from "../compiler/checkpoint.ts";
import { checkCheckpoint } from "../compiler/compile-model.ts";
import type { PreparedModel } from "../graphs/prepared-model.ts";
import { openCheckpointWeights } from "../safetensors/open-checkpoint-weights.ts";
import type { SafetensorsSource } from "../safetensors/open-safetensors.ts";
import type { NativeGate } from "../sessions/native-gate.ts";
import { chooseEngine, type NativeChoice, sizeProblem } from "./choose-engine.ts";
import { freeBuffers } from "./free-buffers.ts";
import { leaveToRuntime } from "./leave-to-runtime.ts";
import type { NativeArithmetic, NativeModel, NativeShape } from "./native-addon.ts";
import { NativeSession } from "./native-session.ts";
import { nativeTensors } from "./native-tensors.ts";
import { openPrunedSession } from "./open-pruned-session.ts";

/**
 * Weights come from the third cache or from memory for each run, and those of float32 are four times as large. With 512 tokens int8
 * by tiles would be 6 % faster, and a small call would wait twice as long behind a large one.
 */
const BATCH_TOKENS: Readonly<Record<NativeArithmetic, number>> = { int8: 256, float32: 512 };

/**
 * Opens a model in the native engine, or `undefined` where that does not run it and ONNX Runtime is to. No graph is
 * compiled, but a checkpoint is refused for what the compiler would refuse it for.
 *
 * @throws PgVectorDBError `model_invalid`, `model_not_found`
 */
export async function openNativeSession(
  { graph, device, threads }: Pick<PreparedModel, "graph" | "device" | "threads">,
  gate: NativeGate,
): Promise<NativeSession | undefined> {
  const choice = chooseEngine({ graph, device, threads });
  if (choice.engine === "onnxruntime") return leaveToRuntime(choice.reason);
  if (graph.kind === "onnx") return openPrunedSession(choice, graph, gate);
  if (choice.kind === "onnx") return undefined;
  const weights = await openCheckpointWeights(graph.weightsPath);
  try {
    checkCheckpoint({ config: graph.config, weights, ...graph.options });
    return await createSession(choice, weights, gate);
  } finally {
    await weights.close();
  }
}

async function createSession(
  { addon, units, arithmetic, family, sizes }: NativeChoice,
  weights: SafetensorsSource,
  gate: NativeGate,
): Promise<NativeSession | undefined> {
  const checkpoint = Checkpoint.of(weights);
  const labels = labelCount({ checkpoint }, family.head.out);
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
    labels,
    headActivation: family.head.activation,
  };
  const tensors: Float32Array[] = [];
  for (const weight of nativeTensors(checkpoint, family, { ...sizes, labels })) tensors.push(await weight.readRows());
  return gate.pass(async () => {
    let model: NativeModel;
    try {
      model = addon.createModel(shape, tensors, arithmetic, units);
    } catch (error) {
      // Sizes that the addon's own check refuses; what is wrong with the checkpoint was found above.
      return leaveToRuntime(`it refused the weights: ${error}`);
    } finally {
      freeBuffers(tensors);
    }
    const { types } = shape;
    return new NativeSession({ addon, model, types, labels, batchTokens: BATCH_TOKENS[arithmetic] }, gate);
  });
}
