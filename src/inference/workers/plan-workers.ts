import type { PreparedModel } from "../graphs/prepared-model.ts";
import { chooseEngine, type EngineChoice, type EngineFacts } from "../native/choose-engine.ts";
import { planSharingThreads, planThreads } from "./plan-threads.ts";

export interface WorkerPlan extends Pick<PreparedModel, "workers" | "threads" | "sharesWeights"> {
  readonly choice: EngineChoice;
}

/**
 * How to run a model on this machine. Our own kernels have one copy of the weights for all workers, whatever its size; ONNX Runtime
 * has one for each.
 *
 * @param maxWorkers the caller's bound
 */
export async function planWorkers(
  facts: Omit<EngineFacts, "threads"> & { readonly bytes: number },
  maxWorkers?: number,
): Promise<WorkerPlan> {
  const copying = await planThreads(facts.bytes, maxWorkers);
  // Of an ONNX file it is known only when it is read whether our kernels run it. The package's own, which they do, is small.
  const plan = facts.graph.kind === "onnx" ? copying : await planSharingThreads(maxWorkers);
  const choice = chooseEngine({ ...facts, threads: plan.threads });
  if (choice.engine === "native") return { ...plan, sharesWeights: true, choice };
  return { ...copying, sharesWeights: false, choice };
}
